"""Quality against time: a recipe trained as the pipeline does, scored again and again on the way.

``python -m benchmarks.quality EXPERIMENT --seeds 1 2 --epochs 1 2 5`` adds to quality.csv: experiment, seed,
epoch, seconds of training (scoring excluded), fid_judge of 10,000 samples, and whether the run has collapsed.
"""

import argparse
import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch

from stages.gan import datasets, devices, judges, metrics, networks, params, sampling, training, weights
from stages.gan.losses import LOSSES
from stages.paths import ExperimentFiles

RECORD = Path(__file__).parent / "quality.csv"
SAMPLES = 10_000


@dataclass(frozen=True)
class Score:
    """How good a training's samples are after so many epochs, and seconds."""

    experiment: str
    seed: int
    epoch: int
    seconds: float
    fid_judge: float
    collapsed: int


def scores(experiment: str, seed: int, epochs: Sequence[int]) -> Iterator[Score]:
    """Train an experiment's networks; yield the scores after each of ``epochs``."""
    known = params.load(Path("params.yaml"))
    block = params.select(known, experiment, Path("params.yaml"))
    device = devices.set_up(known.settings.device, known.settings.threads)
    files = ExperimentFiles(experiment)
    split = datasets.Dataset.load(files.dataset).train
    judge, _ = weights.load(files.judge, judges.JUDGES, device)
    assert isinstance(judge, judges.Classifier)
    real = datasets.to_unit(split.samples)
    real_features = judges.predict(judge.features, real)
    generator, discriminator = networks.build(block.generator, block.discriminator, split.shape, seed, device)
    average = training.weight_average(generator, block.train.ema) if block.train.ema else None
    kept = generator if average is None else average.module
    preview = torch.zeros(1, block.generator.latent)
    loss = LOSSES[block.train.loss]()
    seconds, start = 0.0, time.perf_counter()
    for epoch in training.train(
        real.to(device), generator, discriminator, loss, preview, block.train, seed=seed, average=average
    ):
        seconds += time.perf_counter() - start
        if epoch.number in epochs:
            samples = torch.cat(list(sampling.samples(kept, seed, SAMPLES)))
            features = judges.predict(judge.features, datasets.to_unit(samples))
            probabilities = judges.predict(judge.output, features).softmax(1)
            found = metrics.image_scores(features, probabilities, real_features)
            yield Score(experiment, seed, epoch.number, seconds, found["fid_judge"], int(found["collapsed"]))
        start = time.perf_counter()


def load() -> list[Score]:
    """All scores in the record."""
    with RECORD.open(newline="") as file:
        return [
            Score(
                r["experiment"],
                int(r["seed"]),
                int(r["epoch"]),
                float(r["seconds"]),
                float(r["fid_judge"]),
                int(r["collapsed"]),
            )
            for r in csv.DictReader(file)
        ]


def add(new: list[Score]) -> None:
    """Put scores into the record, in place of those of the same experiment and seed."""
    runs = {(score.experiment, score.seed) for score in new}
    kept = [s for s in load() if (s.experiment, s.seed) not in runs] if RECORD.exists() else []
    with RECORD.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Score)], lineterminator="\n")
        writer.writeheader()
        for score in sorted(kept + new, key=lambda s: (s.experiment, s.seed, s.epoch)):
            row = asdict(score) | {"seconds": f"{score.seconds:.1f}", "fid_judge": f"{score.fid_judge:.4g}"}
            writer.writerow(row)


def main() -> None:
    """Train, score and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--epochs", type=int, nargs="+", required=True, help="those to score after")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        found = []
        for score in scores(arguments.experiment, seed, arguments.epochs):
            print(score, flush=True)
            found.append(score)
        add(found)


if __name__ == "__main__":
    main()
