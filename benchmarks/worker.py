"""One training, of ours or of the reference, timed step by step; in a process of its own.

Flushing denormal floats, threads and caches are properties of a process, so two trainings that are to be
compared never share one. Prints a line of JSON: the seconds at which each step began and the last one ended,
and the greatest resident memory in bytes.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import recipes, reference
from stages.gan.core import datasets, devices, params
from stages.gan.core.datasets import Split
from stages.gan.training.batches import Real
from stages.gan.training.loop import Training
from stages.gan.training.losses import Loss
from stages.runtime.paths import ExperimentFiles


class Clock:
    """A loss that passes on another's, and remembers when: each step asks for the generator's once."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.times: list[float] = []

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """See the other loss."""
        self.times.append(time.perf_counter())
        return self.loss.discriminator(real, generated)

    def generator(self, *logits: Tensor) -> Tensor:
        """See the other loss."""
        return self.loss.generator(*logits)


def ours(split: Split, experiment: params.Experiment, device: torch.device) -> Iterator[float]:
    """Train as the pipeline does; yield the times at which the steps began, and the end's."""
    gan = Training.of(experiment, split, seed=1, device=device)
    clock = Clock(gan.game.loss)
    gan.game.loss = clock  # type: ignore[assignment]
    real = Real.of(split, device)
    for _ in gan.epochs(real, torch.randn(experiment.train.preview, gan.latent)):
        pass
    yield from clock.times
    yield time.perf_counter()


def dataset(experiments: Mapping[str, params.Experiment], name: str) -> Path:
    """An experiment's data, or those of another one that has the same and has been prepared."""
    same = (other for other, block in experiments.items() if block.data == experiments[name].data)
    made = (path for path in (ExperimentFiles(other).dataset for other in same) if path.exists())
    return next(made, ExperimentFiles(name).dataset)


def main() -> None:
    """Train, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loop", choices=["ours", "reference"])
    parser.add_argument("experiment")
    parser.add_argument("--epochs", type=int, help="default: the experiment's")
    parser.add_argument("--limit", type=int, help="take only the first so many samples")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="default: all cores")
    recipes.add_option(parser)
    arguments = parser.parse_args()
    known = recipes.load(arguments.experiment, arguments.set)
    experiment = params.select(known, arguments.experiment, recipes.PATH)
    if arguments.epochs:
        train = experiment.train.model_copy(update={"epochs": arguments.epochs})
        experiment = experiment.model_copy(update={"train": train})
    device = torch.device(arguments.device)
    if arguments.loop == "ours":
        device = devices.set_up(arguments.device, arguments.threads)
    else:
        torch.set_num_threads(arguments.threads)
    split = datasets.Dataset.load(dataset(known.experiments, arguments.experiment)).train
    labels = None if split.labels is None else split.labels[: arguments.limit]
    split = Split(split.samples[: arguments.limit], labels)
    if arguments.loop == "ours":
        times = list(ours(split, experiment, device))
    else:
        times = [time.perf_counter() for _ in reference.train(split, experiment, device)]
    kilo = 1 if sys.platform == "darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilo
    print(json.dumps({"times": [round(t - times[0], 6) for t in times], "memory": memory}))


if __name__ == "__main__":
    main()
