"""The first steps of a few trainings, written down; in a process of its own.

Device, threads and the number of processes are properties of a process, so trainings that are to be compared
never share one. Dropout is off, as its masks alone are drawn on the device; initial weights, orders and
latent points are drawn on the CPU, so that all start from the same numbers.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks import pipeline
from stages.gan.core import devices, params
from stages.gan.core.datasets import Split
from stages.gan.sources.digits import DigitsSource
from stages.gan.training import process_group
from stages.gan.training.batches import Real
from stages.gan.training.loop import Training

CASES = ("sine", "digits_classic", "mnist", "mnist_fast")
STEPS = (0, 1, 10, 50, 100, 200)


def data(experiment: params.Experiment) -> Split:
    """Training samples, for which nothing is downloaded.

    In MNIST's place there are scikit-learn's digits, each pixel as 3x3, with two more all around.
    """
    if experiment.data.piece.name != "mnist":
        return experiment.source.load(Path("unused")).train
    digits = DigitsSource(seed=1).load(Path("unused")).train
    large = digits.samples.repeat_interleave(3, 2).repeat_interleave(3, 3)
    return Split(torch.nn.functional.pad(large, (2, 2, 2, 2)), digits.labels)


def without_dropout(experiment: params.Experiment, processes: int) -> params.Experiment:
    """The experiment as it is compared, trained by so many processes."""
    discriminator = experiment.discriminator
    if discriminator.piece.name == "mlp":
        discriminator = discriminator.model_copy(update={"dropout": 0.0})
    train = experiment.train.model_copy(update={"processes": processes})
    return experiment.model_copy(update={"discriminator": discriminator, "train": train})


class EnoughError(Exception):
    """The last step that is asked for is done."""


class Trajectory:
    """A training's weights and losses at some of its steps.

    Args:
        gan: before its first step.
        steps: which; 0 is before the first; none may be an epoch's last.

    Attributes:
        found: tensors by ``STEP/NAME``: both networks' weights, and ``losses`` [2] of that step, the
            discriminator's and the generator's, of which there are none before the first.
    """

    def __init__(self, gan: Training, steps: Sequence[int]) -> None:
        self.found: dict[str, Tensor] = {}
        self._gan = gan
        self._preview = torch.zeros(1, gan.latent)
        self._steps = steps
        self._done = 0
        self._note()

    def train(self, real: Real) -> None:
        """Train up to the last of the steps."""
        totals = self._gan.state_dict()["totals"]  # not a copy: the sums of the epoch so far

        def between() -> None:
            self._done += 1
            if self._done in self._steps:
                self.found[f"{self._done}/losses"] = totals[:2].cpu().clone()
                self._note()
            totals.zero_()  # so that they are the next step's own
            if self._done == self._steps[-1]:
                raise EnoughError

        with suppress(EnoughError):
            for _ in self._gan.epochs(real, self._preview, between):
                self._done += 1

    def _note(self) -> None:
        for network in ("generator", "discriminator"):
            for name, weight in getattr(self._gan, network).named_parameters():
                self.found[f"{self._done}/{network}.{name}"] = weight.detach().cpu().clone()


def main() -> None:
    """Train, and write down; other processes that train along are started from here, and write nothing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="to write: safetensors, by CASE/STEP/NAME")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--steps", nargs="+", type=int, default=STEPS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--params", type=Path, default=pipeline.ROOT / "params.yaml", help="with the cases")
    parser.add_argument("--double", action="store_true", help="compute in float64")
    arguments = parser.parse_args()
    group = process_group.current(arguments.processes)
    device = group.device(devices.set_up(arguments.device, arguments.threads))
    if arguments.double:
        torch.set_default_dtype(torch.float64)
    known = params.load(arguments.params).experiments
    found: dict[str, Tensor] = {}
    with group.joined(device, [sys.executable, "-m", "benchmarks.trajectory", *sys.argv[1:]]):
        for case in arguments.cases:
            split = data(known[case])
            experiment = without_dropout(known[case], arguments.processes)
            gan = Training.of(experiment, split, seed=1, device=device, group=group)
            trajectory = Trajectory(gan, arguments.steps)
            real = Real.of(split, device)
            trajectory.train(real._replace(samples=real.samples.to(torch.get_default_dtype())))
            found |= {f"{case}/{name}": tensor for name, tensor in trajectory.found.items()}
    if group.is_main:
        save_file(found, arguments.file)


if __name__ == "__main__":
    main()
