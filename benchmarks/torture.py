"""Kill trainings at random moments until they are done, and compare what they leave with an undisturbed one.

``python -m benchmarks.torture`` (a quarter of an hour) writes benchmarks/results/torture.md. Each training is
killed once to three times: at a moment that is drawn from the whole of its time, imports
included, or in the middle of the writing of a checkpoint; mostly by SIGKILL, now and then by a signal that
asks. Exit code 1 says that not all ended the same.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import pipeline
from benchmarks.victim import MNIST, Victim
from stages.gan.training.checkpoints import FINISHED, Checkpoint, CheckpointStore
from stages.runtime import command

RESULT = Path(__file__).parent / "results" / "torture.md"
CONV = {
    "generator": {"network": "conv", "latent": 16, "channels": [16, 8]},
    "discriminator": {"network": "conv", "channels": [8, 16], "spectral_norm": True},
}
AVERAGED = {"loss": "hinge", "r1": 0.5, "penalty_every": 3, "ema": 0.9, "lr_decay": "cosine"}
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
CASES: dict[str, tuple[str, dict[str, Any]]] = {  # the experiment, and what is changed of it
    "sine": ("sine", {"train": {"epochs": 60, "preview": 50}}),
    "digits": ("digits", {"train": {"epochs": 40}}),
    "digits, convolutional": ("digits", {**CONV, "train": {"epochs": 16, **AVERAGED}}),
    "mnist": (
        "mnist",
        {"data": {"source": "mnist", "limit": 6000}, "train": {"epochs": 2, "checkpoint_every": 1}},
    ),
}


@dataclass
class Tally:
    """What became of one case's trainings.

    Attributes:
        kills: by signal.
        writes: kills in the middle of the writing of a checkpoint.
        endings: trainings that ended, all of which were killed before.
        identical: those of them that left the same bytes as an undisturbed one.
        recorded: those that are one finished run in MLflow, each point and picture there once.
        lost: seconds of training that a kill took.
        starts: seconds from a process's start until the training went on.
    """

    kills: dict[signal.Signals, int] = field(default_factory=dict)
    writes: int = 0
    endings: int = 0
    identical: int = 0
    recorded: int = 0
    lost: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)


class TorturedVictim(Victim):
    """A training that is killed, again and again."""

    @cached_property
    def tally(self) -> Tally:
        """What became of its trainings."""
        return Tally()

    def kill(self, process: subprocess.Popen[str], number: signal.Signals, after: float, write: bool) -> bool:
        """Send a signal once seconds have passed, or then at the next checkpoint's writing; did it end?"""
        wanted = time.time() + after
        while process.poll() is None and time.time() < wanted:
            time.sleep(0.002)
        while write and process.poll() is None and not any(self._asides()):
            pass
        writing = any(self._asides())
        process.send_signal(number)
        code = process.wait(timeout=120)
        if code == 0:
            return False
        if code != CODES[number] and code != -number:  # the latter before it has come to watch for signals
            raise RuntimeError(f"after {number.name} the exit code is {code}, not {CODES[number]}")
        self.tally.kills[number] = self.tally.kills.get(number, 0) + 1
        self.tally.writes += writing
        return True

    def torture(self, kills: int, chance: random.Random) -> bool:
        """Train, be killed so often, and train to the end; did it end with the same bytes?"""
        killed = 0
        found: Checkpoint | None = None
        while True:
            began = time.time()
            process, lines = self.start()
            try:
                if killed < kills:
                    signals = [*[signal.SIGKILL] * 3, *CODES]
                    write = chance.random() < 0.4
                    share = 0.6 if write else 1.0
                    after = chance.uniform(0, share * self.seconds)
                    ended = self.kill(process, chance.choice(signals), after, write)
                    over = time.time()
                else:
                    ended = process.wait(timeout=600) != 0
                    if ended:
                        raise RuntimeError("it failed without a kill")
            finally:
                process.kill()  # where this one is ended itself
            time.sleep(0.05)  # the last lines are read
            self._note(began, lines, found)
            if ended:
                killed += 1
                found = self.newest()
                since = [when for when, line in lines if "steps on" in line]
                if since and (written := max(since[0], found.written if found else 0)) < over:
                    self.tally.lost.append(over - written)
                continue
            recorded = self._is_recorded()
            if not killed:  # it was done before its time had come
                continue
            same = self.sums() == self.undisturbed and self.newest() is None
            self.tally.endings += 1
            self.tally.identical += same
            self.tally.recorded += recorded
            return same and recorded

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint there is of a training that is not finished."""
        every = (path for path in (self.folder / self.files.checkpoints).glob("*") if path.is_dir())
        folders = [path for path in every if not path.name.startswith(FINISHED)]
        return CheckpointStore(folders[0], every=1).load() if folders else None

    def _note(self, began: float, lines: list[tuple[float, str]], found: Checkpoint | None) -> None:
        """Check that a training went on from the checkpoint that was there, and note how soon."""
        working = any("steps on" in line for _, line in lines) and len(lines) > 1
        on = [when for when, line in lines if "goes on from" in line]
        if found is not None and working and not on:
            raise RuntimeError("it did not go on from its checkpoint")
        if on:
            self.tally.starts.append(on[0] - began)

    def _is_recorded(self) -> bool:
        """Whether MLflow holds what it holds of an undisturbed training; a line says what is not so."""
        recorded = self.recorded()
        for key, expected in self.as_recorded.items():
            if recorded[key] != expected:
                print(f"in MLflow, {key} are {recorded[key]}, not {expected}")
        return recorded == self.as_recorded

    def _asides(self) -> Iterator[Path]:
        with suppress(FileNotFoundError):  # the training has just removed them all
            yield from (self.folder / self.files.checkpoints).glob("*/.*")


def table(tallies: dict[str, Tally], seconds: float) -> str:
    """The tallies of all cases, by name."""
    lines = [
        f"| training | {' | '.join(number.name for number in CODES)} | of these in a checkpoint's writing "
        "| endings | identical | in MLflow | lost, s | start, s |",
        "| --- " * 11 + "|",
    ]
    for name, tally in tallies.items():
        kills = (str(tally.kills.get(number, 0)) for number in CODES)
        lost, starts = tally.lost or [0.0], tally.starts or [0.0]
        lines.append(
            f"| {name} | {' | '.join(kills)} | {tally.writes} | {tally.endings} | **{tally.identical}** | "
            f"**{tally.recorded}** | "
            f"{median(lost):.1f}, at most {max(lost):.1f} | {median(starts):.1f} |"
        )
    kills_in_all = sum(sum(tally.kills.values()) for tally in tallies.values())
    return "\n".join(
        [
            f"{kills_in_all} kills in {seconds / 60:.0f} minutes. *Lost* is what of a training a kill undoes "
            "(median and greatest, where it hits the training itself), *start* the time from the next "
            "process's start until it goes on; *in MLflow* are those of which it holds one finished run with "
            "each point and picture once. Checkpoints are due every 0.3 s here, by default every 10 s.",
            "",
            *lines,
        ]
    )


def main() -> None:
    """Torture all cases in turn, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--endings", type=int, default=50, help="trainings in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="default: all")
    arguments = parser.parse_args()
    cases = [case for case in arguments.cases if case != "mnist" or MNIST.exists()]
    if len(cases) < len(arguments.cases):
        print(f"without mnist: there is no {MNIST.relative_to(pipeline.ROOT)}")
    chance, start = random.Random(arguments.seed), time.time()
    with tempfile.TemporaryDirectory() as name:
        victims = {}
        for index, case in enumerate(cases):
            folder = Path(name, str(index))
            folder.mkdir()
            victims[case] = TorturedVictim(folder, *CASES[case], state_every=0.3)
        for number in range(arguments.endings):
            case = cases[number % len(cases)]
            same = victims[case].torture(chance.randint(1, 3), chance)
            verdict = "the same" if same else "NOT THE SAME"
            print(f"{number + 1}/{arguments.endings} {case}: {verdict}", flush=True)
    tallies = {case: victim.tally for case, victim in victims.items()}
    text = table(tallies, time.time() - start)
    print(text)
    RESULT.write_text(f"## Kills\n\n{text}\n")
    if any(min(tally.identical, tally.recorded) < tally.endings for tally in tallies.values()):
        sys.exit(1)


if __name__ == "__main__":
    command.guard(main)
