"""Measure trainings with threads that spin for more or less time: alone, and beside other programs.

Each setting is compared with the default of GNU OpenMP in the same round. Run it on an idle machine: it takes
twenty minutes, and writes benchmarks/results/waiting.md.

Example:
  python -m benchmarks.waiting
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from benchmarks import speed
from benchmarks.__main__ import RESULTS
from stages.gan.core import devices, portability
from stages.runtime import files, waiting

SETTINGS: dict[str, dict[str, str]] = {  # GNU OpenMP's default first
    "default (300,000)": {},
    "`OMP_WAIT_POLICY=PASSIVE`": {"OMP_WAIT_POLICY": "PASSIVE"},
    **{f"{spins:,}": {"GOMP_SPINCOUNT": str(spins)} for spins in (waiting.BUSY, 3_000, waiting.IDLE)},
}
ALONE = {  # options of some hundred steps of each
    "sine": ("--epochs", "12"),
    "digits": ("--epochs", "6"),
    "mnist": ("--epochs", "1", "--limit", "4800"),
    "mnist_fast": ("--epochs", "1", "--limit", "4800"),
}
BESIDE = {  # of some dozen, as they may be a hundred times slower
    "sine": ("--epochs", "2"),
    "digits": ("--epochs", "1"),
    "mnist": ("--epochs", "1", "--limit", "1200"),
    "mnist_fast": ("--epochs", "1", "--limit", "1200"),
}


def table(rounds: int, others: int) -> str:
    """Steps per second by setting and recipe, as ratios, while ``others`` programs compute."""
    sizes = BESIDE if others else ALONE
    seconds: dict[tuple[str, str], list[float]] = {}
    with busy(others):
        for _ in range(rounds):
            for recipe, options in sizes.items():
                for setting, variables in SETTINGS.items():
                    trial = speed.run("ours", recipe, *options, **portability.LIMITS, **variables)
                    seconds.setdefault((recipe, setting), []).append(trial.seconds())
    default = next(iter(SETTINGS))
    lines = [f"| a thread spins | {' | '.join(sizes)} |", "| --- " * (len(sizes) + 1) + "|"]
    for setting in SETTINGS:
        cells = []
        for recipe in sizes:
            ratios = np.divide(seconds[recipe, default], seconds[recipe, setting])
            cells.append(f"**{np.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})")
            if setting == default:
                cells[-1] = f"1 ({1 / np.median(seconds[recipe, default]):.0f} steps/s)"
        lines.append(f"| {setting} | {' | '.join(cells)} |")
    return "\n".join(lines)


@contextmanager
def busy(others: int) -> Iterator[None]:
    """Have other programs compute within the block."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(others)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    rounds = parser.parse_args().rounds
    if {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        parser.error("GOMP_SPINCOUNT or OMP_WAIT_POLICY is set, which decides what is measured; unset it")
    others = 2 * (os.cpu_count() or 1)
    text = f"""## How threads wait for each other

Steps per second of trainings with two threads, as a ratio to the default of GNU OpenMP in the same round: the
median of {rounds} rounds, least and greatest. `GOMP_SPINCOUNT` says how often a waiting thread looks for work
before it sleeps. On {devices.name(torch.device("cpu"))}, {os.cpu_count()} cores.

A stage looks at the machine as it starts. It takes {waiting.IDLE:,} if the CPUs that it needs are free, and
{waiting.BUSY:,} if not ([waiting.py](../../stages/runtime/waiting.py)). The bytes are the same.

Alone:

{table(rounds, 0)}

Beside {others} programs that compute all the time:

{table(rounds, others)}
"""
    files.write(RESULTS / "waiting.md", text)
    print(text)


if __name__ == "__main__":
    main()
