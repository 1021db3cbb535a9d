"""How far trainings on other devices, with other threads or in several processes are from one thread's of a CPU.

``python -m benchmarks.parity`` (a few minutes) trains the first 200 steps of each experiment without dropout on
every device of this machine and writes benchmarks/results/parity.md. All start from the same bytes; then sums are
rounded in another order, and a training amplifies that. The relative difference of two tensors of weights is
max|a - b| / max|a|, the greatest over all tensors of both networks counts; that of two losses is |a - b| / |a|,
the greater of both networks' counts. Exit code 1 tells that one is above its bound (:data:`BOUNDS`), that the
start is not the same, or that the same training gave other bytes the second time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks import pipeline
from benchmarks.trajectory import CASES, STEPS
from stages import command
from stages.gan import devices

RESULT = Path(__file__).parent / "results" / "parity.md"
BOUNDS = {0: 0.0, 1: 1e-4, 10: 1e-3, 50: 1e-2, 100: 1e-1, 200: 1.0}
"""The greatest relative difference, of losses as of weights, after so many steps."""


@dataclass(frozen=True)
class Setting:
    """What computes a training."""

    device: str = "cpu"
    threads: int = 1
    processes: int = 1

    def __str__(self) -> str:
        if self.device != "cpu":
            return self.device + (f", {self.processes} processes" if self.processes > 1 else "")
        threads = f"{self.threads} thread{'s'[: self.threads > 1]}"
        return f"{self.processes} processes of {threads}" if self.processes > 1 else threads


REFERENCE = Setting()


def settings() -> list[Setting]:
    """All that this machine has, the reference first."""
    found = {REFERENCE: None}
    for device in devices.available():
        if device == "cpu":
            found |= dict.fromkeys(Setting(threads=count) for count in (2, os.cpu_count() or 1))
            found[Setting(processes=2)] = None
        else:
            found[Setting(device)] = None
            if device == "cuda" and torch.cuda.device_count() > 1:
                found[Setting(device, processes=2)] = None
    return list(found)


def train(setting: Setting, *options: str) -> dict[str, Tensor]:
    """The trajectories of trainings in a process of their own; ``options`` go to :mod:`benchmarks.trajectory`."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "trajectory.safetensors")
        program = [sys.executable, "-m", "benchmarks.trajectory", str(file)]
        how = {"--device": setting.device, "--threads": setting.threads, "--processes": setting.processes}
        words = [str(word) for option in how.items() for word in option]
        subprocess.run([*program, *words, *options], cwd=pipeline.ROOT, check=True)
        return load_file(file)


@dataclass(frozen=True)
class Difference:
    """How far a training is from another one after so many steps: its losses, and its weights."""

    case: str
    step: int
    losses: float
    weights: float

    @property
    def greatest(self) -> float:
        """Of losses and weights; not finite where one of the trainings is not."""
        return max(self.losses, self.weights, key=lambda value: value if value == value else float("inf"))

    @property
    def too_great(self) -> bool:
        """Whether it is above its bound."""
        return not self.greatest <= BOUNDS[self.step]


def differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[Difference]:
    """Those of all cases and steps of which there are trajectories."""
    greatest: dict[tuple[str, int], dict[bool, float]] = {}
    for name, tensor in expected.items():
        case, step, what = name.split("/")
        kinds = greatest.setdefault((case, int(step)), {True: 0.0, False: 0.0})
        off = (tensor.double() - found[name].double()).abs()
        is_loss = what == "losses"
        relative = off / tensor.double().abs() if is_loss else off.max() / tensor.double().abs().max()
        kinds[is_loss] = max(kinds[is_loss], float(relative.max().nan_to_num(torch.inf)))
    return [Difference(*place, kinds[True], kinds[False]) for place, kinds in greatest.items()]


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    """Whether two trajectories are the same bytes."""
    return all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def table(found: Mapping[Setting, Sequence[Difference]], repeated: Mapping[Setting, bool]) -> str:
    """The differences to the reference: a line for each setting and case, a column for each step."""
    cpu, *others = (devices.name(torch.device(kind)) for kind in devices.available())
    steps = [step for step in STEPS if step > 0]
    lines = [
        "Greatest relative difference of losses / of weights to a training by one thread of the CPU "
        f"({', '.join([cpu, *others])}; PyTorch {torch.__version__}), without dropout. At step 0 all bytes are the "
        "same. *Twice* tells whether the same training gave the same bytes a second time.",
        "",
        f"| trained by | experiment | twice | {' | '.join(f'step {step}' for step in steps)} |",
        "| --- " * (3 + len(steps)) + "|",
    ]
    for setting, all_ in found.items():
        for case in dict.fromkeys(difference.case for difference in all_):
            of_steps = {d.step: f"{d.losses:.0e} / {d.weights:.0e}" for d in all_ if d.case == case}
            twice = "the same" if repeated[setting] else "**OTHERS**"
            lines.append(f"| {setting} | {case} | {twice} | {' | '.join(of_steps[s] for s in steps)} |")
    bounds = " | ".join(f"{BOUNDS[step]:.0e}" for step in steps)
    return "\n".join([*lines, f"| *bound* | | | {bounds} |"])


def main() -> None:
    """Train everywhere, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    found, repeated, wrong = {}, {}, []
    expected: dict[str, Tensor] = {}
    for setting in settings():
        print(f"{setting} …", file=sys.stderr, flush=True)
        first, second = (train(setting) for _ in range(2))
        expected = expected or first
        repeated[setting] = same(first, second)
        if not repeated[setting]:
            wrong.append(f"{setting}: other bytes the second time")
        found[setting] = differences(expected, first)
        wrong += [
            f"{setting}, {d.case}, step {d.step}: {d.greatest:.1e} is above the bound {BOUNDS[d.step]:.0e}"
            for d in found[setting]
            if d.too_great
        ]
    text = table(found, repeated)
    print("\n".join([text, *wrong]))
    RESULT.write_text(f"## From one device to another\n\n{text}\n")
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    command.guard(main)
