"""Quality against time: a recipe trained as the pipeline does, scored again and again on the way.

``python -m benchmarks.quality EXPERIMENT --seeds 1 2 --epochs 1 2 5`` adds to quality.csv: experiment, seed,
epoch, seconds of training (scoring excluded), fid_judge of 10,000 samples, whether the run has collapsed, and
the distance that a training measures itself (``score_every``): ``--ranks`` says how well that ranks epochs.
Without ``--epochs`` it scores the checkpoints of the pipeline's runs in MLflow instead.
"""

import argparse
import csv
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from matplotlib.figure import Figure
from scipy import stats
from torch import nn

from stages.gan.core import devices, params, weights
from stages.gan.evaluation import scoring
from stages.gan.evaluation.reference import Reference
from stages.gan.evaluation.scores import REAL_SUFFIX
from stages.gan.networks.base import registry, sampling
from stages.gan.plots.style import GENERATED, REAL
from stages.gan.report import markdown
from stages.gan.training import loop
from stages.gan.training.best import Distance
from stages.pipeline import known
from stages.runtime import command
from stages.runtime.errors import UserError
from stages.runtime.paths import STORE, ExperimentFiles

RECORD = Path(__file__).parent / "results" / "quality.csv"
SECONDS = RECORD.with_name("mnist.json")  # that an epoch of mnist takes on this machine, by loop
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
    distance: float = math.nan  # that a training measures itself


class Scorer:
    """Scores generators of an experiment against its data, with its judge."""

    def __init__(self, experiment: str, seed: int) -> None:
        found = params.load(Path("params.yaml"))
        self.params = params.select(found, experiment, Path("params.yaml"))
        self.device = devices.set_up(found.settings.device, found.settings.threads)
        self._experiment, self._seed = experiment, seed
        self._known, _ = known.read(experiment, self.params, self.device)
        self._reference = Reference.load(ExperimentFiles(experiment).reference)
        self.split = self._known.real.train

    def __call__(self, generator: nn.Module, epoch: int, seconds: float) -> Score:
        """The score of a generator after so many epochs, and seconds."""
        samples = torch.cat(list(sampling.Sampler(generator, self._seed).samples(SAMPLES)))
        found, _ = scoring.score(samples, self._known, self._reference)
        return Score(
            self._experiment, self._seed, epoch, seconds, found["fid_judge_all"], int(found["collapsed"])
        )

    def real(self) -> float:
        """The Fréchet distance of real images, those of the test split, to the training images."""
        return self._reference.baselines["fid_judge_all" + REAL_SUFFIX]


def trained(experiment: str, seed: int, epochs: Sequence[int]) -> Iterator[Score]:
    """Train an experiment's networks; yield the scores after each of ``epochs``."""
    score = Scorer(experiment, seed)
    counts = score.split.class_counts if score.params.train.condition else []
    gan = loop.Training(score.params, score.split.shape, seed=seed, device=score.device, counts=counts)
    real = loop.Real.of(score.split, score.device)
    distance = Distance(gan.generator_ema, real)
    seconds, start = 0.0, time.perf_counter()
    for epoch in gan.epochs(real, torch.zeros(1, gan.latent)):
        seconds += time.perf_counter() - start
        if epoch.number in epochs:
            yield replace(score(gan.generator_ema, epoch.number, seconds), distance=distance())
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
                float(r.get("distance") or math.nan),
            )
            for r in csv.DictReader(file)
        ]


def add(new: list[Score]) -> None:
    """Put scores into the record, in place of those of the same experiment and seed."""
    runs = {(score.experiment, score.seed) for score in new}
    others = [s for s in load() if (s.experiment, s.seed) not in runs] if RECORD.exists() else []
    with RECORD.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Score)], lineterminator="\n")
        writer.writeheader()
        for score in sorted(others + new, key=lambda s: (s.experiment, s.seed, s.epoch)):
            row = asdict(score) | {"seconds": f"{score.seconds:.1f}", "fid_judge": f"{score.fid_judge:.4g}"}
            row["distance"] = "" if math.isnan(score.distance) else f"{score.distance:.4g}"
            writer.writerow(row)


def checkpoints(experiment: str, seed: int, epoch_seconds: float | None) -> list[Score]:
    """The scores of a run of the pipeline, from its checkpoints in MLflow.

    Args:
        experiment: the experiment's name.
        seed: the run's seed.
        epoch_seconds: what an epoch takes on this machine; none: as MLflow says of this run.
    """
    from mlflow import MlflowClient

    client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or STORE)
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id], f"attributes.run_name = 'seed-{seed}'") if found else []
    if not runs:
        raise UserError(f"no run of {experiment}, seed {seed}, in the MLflow store")
    score, scores = Scorer(experiment, seed), []
    if epoch_seconds is None:
        steps = loop.steps_per_epoch(len(score.split), score.params.train)
        epoch_seconds = steps / runs[0].data.metrics["steps_per_second"]
    with TemporaryDirectory() as folder:
        for path in Path(client.download_artifacts(runs[0].info.run_id, "checkpoints", folder)).iterdir():
            generator, _ = weights.load(path / "generator.safetensors", registry.get_generator, score.device)
            epoch = int(path.name.removeprefix("epoch-"))
            scores.append(score(generator, epoch, epoch * epoch_seconds))
    return sorted(scores, key=lambda found: found.epoch)


def by_seed(experiment: str) -> dict[int, list[Score]]:
    """The record's scores of an experiment, by seed, in the order of epochs."""
    found: dict[int, list[Score]] = {}
    for score in load():
        if score.experiment == experiment:
            found.setdefault(score.seed, []).append(score)
    return found


def figure(classic: str, fast: str, script: float) -> Figure:
    """Quality against wall time of two recipes, every seed a line; crosses end runs that collapsed.

    Args:
        classic: the experiment with the classic recipe.
        fast: the one with the other.
        script: seconds that the reference loop takes for all epochs of the classic one.
    """
    drawn = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = drawn.subplots()
    for name, color in ((classic, REAL), (fast, GENERATED)):
        for index, scores in enumerate(by_seed(name).values()):
            x, y = [s.seconds for s in scores], [s.fid_judge for s in scores]
            label = f"{name}, each seed" if index == 0 else None
            axes.plot(x, y, ".-", color=color, lw=1.2, ms=4, alpha=0.8, label=label)
            if scores[-1].collapsed:
                axes.plot(x[-1], y[-1], "x", color=color, ms=8, mew=2)
    axes.axvline(script, color="0.4", ls=":", lw=1.2)
    axes.annotate(
        "the reference loop \nis done here ",
        (script, 0.03),
        xycoords=("data", "axes fraction"),
        ha="right",
        va="bottom",
    )
    axes.set(xscale="log", yscale="log", xlabel="seconds of training", ylabel="Fréchet distance (fid_judge)")
    axes.legend(loc="upper left")
    return drawn


def table(classic: str, fast: str, script: float) -> str:
    """What the record says about two recipes; for the arguments see :func:`figure`."""
    old, new = by_seed(classic), by_seed(fast)
    real = Scorer(classic, seed=0).real()
    good = [scores[-1].fid_judge for scores in old.values() if not scores[-1].collapsed]
    goal = min(good)
    third = real + (goal - real) / 3
    reached, better = (
        [next(s.seconds for s in scores if s.fid_judge <= target) for scores in new.values()]
        for target in (goal, third)
    )
    lost = sum(scores[-1].collapsed for scores in old.values())
    ends = [scores[-1] for scores in new.values()]
    lines = [
        f"{classic}: of {len(old)} seeds {lost} collapsed; the others end with a Fréchet distance of "
        f"{min(good):.3g} to {max(good):.3g}; real test images have {real:.3g}.",
        "",
        f"{fast}: of {len(new)} seeds {sum(end.collapsed for end in ends)} collapsed; they end with "
        f"{min(end.fid_judge for end in ends):.3g} to {max(end.fid_judge for end in ends):.3g}.",
        "",
        f"The slowest seed of {fast} is as good as the best of {classic} after all its epochs "
        f"({goal:.3g}) in 1/{script / max(reached):.0f} of the time that the reference loop takes for them, "
        f"and at a third of its distance to the real ones ({third:.3g}) in 1/{script / max(better):.0f}: "
        f"{max(better):.0f} s.",
        "",
        "| experiment | seed | epochs | seconds | fid_judge | collapsed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in ((classic, old), (fast, new)):
        for seed, scores in runs.items():
            end = scores[-1]
            collapsed = "yes" if end.collapsed else "no"
            lines.append(
                f"| {name} | {seed} | {end.epoch} | {end.seconds:.0f} | {end.fid_judge:.4g} | {collapsed} |"
            )
    return "\n".join(lines)


def ranks(experiment: str) -> str:
    """How well the distance of the training itself ranks the epochs of each seed that were scored."""
    rows = []
    for seed, scores in by_seed(experiment).items():
        known = [score for score in scores if not math.isnan(score.distance)]
        if len(known) < 2:
            continue
        quality = [score.fid_judge for score in known]
        together = stats.spearmanr([score.distance for score in known], quality).statistic
        kept = min(known, key=lambda score: score.distance)
        best = min(known, key=lambda score: score.fid_judge)
        rows.append(
            [
                *(experiment, str(seed), str(len(known)), f"{together:.2f}"),
                *(f"{kept.fid_judge:.3g} (epoch {kept.epoch})", f"{best.fid_judge:.3g} (epoch {best.epoch})"),
                f"{known[-1].fid_judge:.3g}",
            ]
        )
    heads = ["experiment", "seed", "epochs scored", "rank correlation", "kept", "best", "last"]
    return "\n".join(markdown.table(heads, rows))


def main() -> None:
    """Train, or take the pipeline's runs, score and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    parser.add_argument("--seeds", type=int, nargs="+", default=())
    parser.add_argument(
        "--ranks", action="store_true", help="print how well the training's own distance ranks its epochs"
    )
    parser.add_argument(
        "--epochs", type=int, nargs="*", help="to score after; none: the checkpoints in MLflow"
    )
    parser.add_argument("--epoch-seconds", type=float, help="that an epoch took, where the run was disturbed")
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        if arguments.epochs:
            found = list(trained(arguments.experiment, seed, arguments.epochs))
        else:
            found = checkpoints(arguments.experiment, seed, arguments.epoch_seconds)
        print(*found, sep="\n", flush=True)
        add(found)
    if arguments.ranks:
        print(ranks(arguments.experiment))


if __name__ == "__main__":
    command.guard(main)
