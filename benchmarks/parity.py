"""How far trainings on other devices, by other threads or in several processes are from one CPU thread's.

``python -m benchmarks.parity`` (five minutes) trains the first 200 steps of each experiment without dropout
on every device of this machine, and writes benchmarks/results/parity.md. All start from the same bytes. Then
sums are rounded in another order, and a training amplifies that. So each is made in float64, too: what is
left there shows whether it is the same mathematics.

The relative difference of two tensors of weights is max|a - b| / max|a|, and the greatest of both networks'
tensors counts; that of two losses is |a - b| / |a|, and the greater of both networks' counts. Exit code 1
says that one is above its bound, that the start is not the same, or that the same training gave other bytes
the second time.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks import pipeline
from benchmarks.trajectory import CASES, STEPS
from stages.gan.core import devices
from stages.runtime import command

RESULT = Path(__file__).parent / "results" / "parity.md"
Bounds = Mapping[int, tuple[float, float]]

NONE = (math.inf, math.inf)  # by then it is another training
SINGLE: Mapping[str, Bounds] = {
    "sine": {1: (1e-5, 1e-3), 10: (1e-4, 1e-3), 50: (1e-3, 1e-2), 100: (1e-3, 1e-2), 200: (1e-2, 1e-1)},
    "digits_classic": {1: (1e-5, 1e-3), 10: (1e-4, 1e-3), 50: (1e-3, 1e-2), 100: (1e-1, 1.0), 200: NONE},
    "mnist": {1: (1e-5, 1e-3), 10: (1e-4, 1e-2), 50: (1e-3, 1e-1), 100: (1e-1, 1.0), 200: NONE},
    "mnist_fast": {1: (math.inf, 0.5), 10: NONE, 50: NONE, 100: NONE, 200: NONE},
}
"""By experiment and step, the greatest differences of losses and of weights in float32: several times what
was seen, on CPUs and on a GPU. After step 1 already, weights may be two learning rates apart where the
gradient is next to nothing, as Adam's first step is the gradient's sign. The hinge loss of a generator is
nearly 0 then, so its relative difference says nothing."""
DOUBLE: Bounds = {1: (1e-10, 1e-9), 10: (1e-10, 1e-9), 50: (1e-9, 1e-9), 100: (1e-9, 1e-8), 200: (1e-8, 1e-7)}
"""The same in float64, of all experiments."""


@dataclass(frozen=True)
class Setting:
    """What computes a training."""

    device: str = "cpu"
    threads: int = 1
    processes: int = 1
    double: bool = False

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s'[: self.threads > 1]}" if self.device == "cpu" else self.device
        return f"{self.processes} processes of {threads}" if self.processes > 1 else threads

    @property
    def options(self) -> list[str]:
        """Those of :mod:`benchmarks.trajectory`."""
        how = {"--device": self.device, "--threads": self.threads, "--processes": self.processes}
        return [*(str(word) for option in how.items() for word in option), *["--double"][: self.double]]


def settings() -> Iterator[Setting]:
    """All that this machine has, in float32; the one that the others are compared with comes first."""
    for device in devices.available():
        if device == "cpu":
            for threads in sorted({1, 2, os.cpu_count() or 1}):
                yield Setting(threads=threads)
            yield Setting(processes=2)
        else:
            yield Setting(device)
            if device == "cuda" and torch.cuda.device_count() > 1:
                yield Setting(device, processes=2)


def train(setting: Setting, *options: str) -> dict[str, Tensor]:
    """The trajectories of trainings in a process of their own, as :mod:`benchmarks.trajectory` writes them.

    Args:
        setting: what computes.
        options: which trainings, and which steps; by default all.
    """
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "trajectory.safetensors")
        program = [sys.executable, "-m", "benchmarks.trajectory", str(file)]
        subprocess.run([*program, *setting.options, *options], cwd=pipeline.ROOT, check=True)
        return load_file(file)


@dataclass(frozen=True)
class Difference:
    """How far a training is from another one after so many steps: infinitely, where one is not finite."""

    case: str
    step: int
    double: bool
    losses: float
    weights: float

    @property
    def bound(self) -> tuple[float, float]:
        """That of losses, and that of weights; at the start there must be none."""
        bounds = DOUBLE if self.double else SINGLE[self.case]
        return bounds[self.step] if self.step else (0.0, 0.0)

    @property
    def too_great(self) -> bool:
        """Whether it is above its bound."""
        return self.losses > self.bound[0] or self.weights > self.bound[1]


def differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[Difference]:
    """Those at all steps of all trainings of which there are trajectories."""
    double = any(tensor.dtype == torch.float64 for tensor in expected.values())
    greatest: dict[tuple[str, int], list[float]] = {}
    for name, tensor in expected.items():
        case, step, what = name.split("/")
        kinds = greatest.setdefault((case, int(step)), [0.0, 0.0])
        off, size = (found[name].double() - tensor.double()).abs(), tensor.double().abs()
        relative = (off / size).max() if what == "losses" else off.max() / size.max()
        kind = int(what != "losses")
        kinds[kind] = max(kinds[kind], float(relative.nan_to_num(math.inf)))
    order = sorted(greatest, key=lambda place: (CASES.index(place[0]), place[1]))
    return [Difference(*place, double, *greatest[place]) for place in order]


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Whether two trajectories are the same bytes."""
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def table(found: Mapping[Setting, list[Difference]]) -> str:
    """A line for each setting and experiment, a column for each step; and the bounds."""
    steps = [step for step in STEPS if step > 0]

    def line(head: str, cells: Mapping[int, tuple[float, float]]) -> str:
        shown = (f"{losses:.0e} / {weights:.0e}" for losses, weights in (cells[step] for step in steps))
        return f"| {head} | " + " | ".join(shown).replace("0e+00", "0").replace("inf / inf", "none") + " |"

    lines = [f"| trained by | experiment | {' | '.join(f'step {s}' for s in steps)} |"]
    lines.append("| --- " * (2 + len(steps)) + "|")
    for setting, all_ in found.items():
        for case in CASES:
            of_case = [difference for difference in all_ if difference.case == case]
            lines.append(line(f"{setting} | {case}", {d.step: (d.losses, d.weights) for d in of_case}))
    if any(setting.double for setting in found):
        return "\n".join([*lines, line("*bound* | all", DOUBLE)])
    return "\n".join([*lines, *(line(f"*bound* | {case}", bounds) for case, bounds in SINGLE.items())])


def main() -> None:
    """Train everywhere, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    reference, *others = settings()
    single: dict[Setting, list[Difference]] = {}
    double: dict[Setting, list[Difference]] = {}
    wrong: list[str] = []
    expected, exact = train(reference), train(replace(reference, double=True))
    if not same(expected, train(reference)):
        wrong.append(f"{reference}: other bytes the second time")
    for setting in others:
        print(f"{setting} …", file=sys.stderr, flush=True)
        first, second = train(setting), train(setting)
        single[setting] = differences(expected, first)
        if not same(first, second):
            wrong.append(f"{setting}: other bytes the second time")
        if setting.device != "mps":  # it has no float64
            also = replace(setting, double=True)
            double[also] = differences(exact, train(also))
    for setting, all_ in (*single.items(), *double.items()):
        wrong += [f"{setting}: {d} is above its bound {d.bound}" for d in all_ if d.too_great]
    names = ", ".join(devices.name(torch.device(kind)) for kind in devices.available())
    verdict = (
        "\n".join(wrong) or "All are within their bounds, and those in float32 gave the same bytes twice."
    )
    text = "\n\n".join(
        [
            "Greatest relative differences of losses / of weights to a training by one thread of the CPU, "
            f"without dropout, on {names}; PyTorch {torch.__version__}. At the start all bytes are the same.",
            *("In float32, as trainings are:", table(single)),
            *("In float64, where rounding matters little:", table(double)),
            verdict,
        ]
    )
    print(text)
    RESULT.write_text(f"## From one device to another\n\n{text}\n")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    command.guard(main)
