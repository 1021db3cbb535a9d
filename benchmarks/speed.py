"""Steps per second of our training and of the reference, alternately, each in a process of its own."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from stages.gan.core import portability
from stages.gan.plots.style import GENERATED, REAL

LOOPS = ("reference", "ours")


@dataclass(frozen=True)
class Trial:
    """One training: the seconds at which each step began and the last one ended; its memory in bytes."""

    times: list[float]
    memory: int

    def seconds(self, steps: int | None = None) -> float:
        """Mean seconds of the first ``steps`` steps, or of all."""
        last = len(self.times) - 1 if steps is None else steps
        return self.times[last] / last


@dataclass(frozen=True)
class Comparison:
    """The trials of an experiment, by loop, in rounds that ran side by side."""

    experiment: str
    trials: dict[str, list[Trial]]

    def ratios(self, steps: int | None = None) -> list[float]:
        """For each round, how many times as many steps per second ours did as the reference."""
        pairs = zip(*(self.trials[loop] for loop in LOOPS), strict=True)
        return [reference.seconds(steps) / ours.seconds(steps) for reference, ours in pairs]

    def milliseconds(self, loop: str, steps: int | None = None) -> float:
        """The median time of a step, over the rounds."""
        return float(np.median([trial.seconds(steps) for trial in self.trials[loop]])) * 1e3


def compare(experiment: str, rounds: int, *options: str) -> Comparison:
    """Run both loops ``rounds`` times, taking turns; ``options`` go to :mod:`benchmarks.worker`."""
    trials: dict[str, list[Trial]] = {loop: [] for loop in LOOPS}
    for _ in range(rounds):
        for loop in LOOPS:
            trials[loop].append(run(loop, experiment, *options))
    return Comparison(experiment, trials)


def run(loop: str, experiment: str, *options: str, **environment: str) -> Trial:
    """One training in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.worker", loop, experiment, *options]
    done = subprocess.run(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return Trial(**json.loads(done.stdout.splitlines()[-1]))


def rate(experiment: str, *options: str, threads: int, at_once: int) -> float:
    """Steps per second of several of our trainings at once, in sum, with the kernels of ``portable``."""

    def train(_: int) -> float:
        line = ("ours", experiment, *options, "--threads", str(threads))
        return 1 / run(*line, **portability.LIMITS).seconds()

    with ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(train, range(at_once)))


def figure(comparisons: list[Comparison], window: int = 250) -> Figure:
    """Milliseconds a step takes against the steps done, in windows, for both loops of each experiment."""
    drawn = Figure(figsize=(3.4 * len(comparisons), 2.9), layout="constrained")
    for axes, comparison in zip(
        drawn.subplots(1, len(comparisons), squeeze=False)[0], comparisons, strict=True
    ):
        for loop, color in zip(LOOPS, (REAL, GENERATED), strict=True):
            for trial in comparison.trials[loop]:
                times = np.array(trial.times)[::window]
                steps = window * (np.arange(len(times) - 1) + 0.5)
                label = loop if trial is comparison.trials[loop][0] else None
                axes.plot(steps, np.diff(times) / window * 1e3, color=color, lw=1.2, label=label)
        axes.set(title=comparison.experiment, xlabel="step", ylabel="ms a step")
        axes.set_ylim(bottom=0)
        axes.legend()
    return drawn
