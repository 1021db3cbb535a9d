"""Disturb the MLflow store while a training logs to it, and count what of the training it holds in the end.

``python -m benchmarks.outages`` (eight minutes) writes benchmarks/results/outages.md. In each round the same
training logs to a store that is well, and to one that suffers each of :data:`OUTAGES` at a random moment, for
a random time, often beyond the training's end. Once all is well again, ``stages.tools.sync`` sends the rest.
Exit code 1 says that something was lost or doubled, or that a training did not end as it should.
"""

import argparse
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Event, Thread

from mlflow import MlflowClient

from benchmarks.mlflow_server import Mood, Proxy, Server
from benchmarks.victim import LOSSES, Victim
from stages.runtime import command

RESULT = Path(__file__).parent / "results" / "outages.md"
EPOCHS = 120
CHANGES = {"train": {"epochs": EPOCHS, "image_every": 20, "checkpoint_every": 50}}
LONGEST = 15.0  # seconds that an outage lasts


@dataclass
class Tally:
    """What became of the trainings that one kind of outage hit.

    Attributes:
        trainings: how many there were.
        hit: those of which something waited at their end.
        points: that they logged.
        lost: points that the store lacks in the end.
        doubled: points that it has twice.
        displaced: points that are not in order, or whose time is not within the training's.
        wrong: trainings that left other bytes, are not one finished run, or lack a picture or a file.
        seconds: of each training's epochs.
        ends: seconds from each one's last epoch to its end: its files, and what is still sent or waited for.
    """

    trainings: int = 0
    hit: int = 0
    points: int = 0
    lost: int = 0
    doubled: int = 0
    displaced: int = 0
    wrong: int = 0
    seconds: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing is amiss."""
        return not (self.lost or self.doubled or self.displaced or self.wrong)


class Bench:
    """A store of each kind, and the training that logs to them.

    Args:
        folder: an empty one.
        chance: chooses when an outage begins, and for how long.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.chance = chance
        self.mood: Mood | None = "well"  # of the proxy; none: now this, now that
        for name in ("server", "victim"):
            (folder / name).mkdir()
        self.server = Server(folder / "server")
        self.server.start()
        self.proxy = Proxy(self._mood, self.server.uri)
        self.victim = Victim(folder / "victim", "digits", CHANGES)
        self.database = folder / "victim" / "mlflow.db"

    def close(self) -> None:
        """End the server."""
        self.server.signal(signal.SIGCONT)
        self.server.stop()
        self.proxy.stop()

    def _mood(self, _request: str) -> Mood:
        moods: list[Mood] = ["well", "before", "after"]
        return self.mood or self.chance.choices(moods, [6, 1, 1])[0]

    def train(self, outage: str, tally: Tally) -> None:
        """Train once, with an outage, and see what there is of it in the end."""
        disturb, where = OUTAGES[outage]
        stores = {"server": self.server.uri, "proxy": self.proxy.uri, "file": f"sqlite:///{self.database}"}
        self.victim.uri = stores[where]
        seen = stores["server" if where == "proxy" else where]
        over = Event()
        begun = time.time()
        process, lines = self.victim.start()
        thread = Thread(target=disturb, args=(self, process, over))
        thread.start()
        code = process.wait()
        ended = time.time()
        over.set()
        thread.join()
        time.sleep(0.05)  # the last lines are read
        self._sync()

        client = MlflowClient(seen)
        tally.trainings += 1
        tally.hit += any("wait in" in line for _, line in lines)
        recorded = self.victim.recorded(seen)
        same = code == 0 and self.victim.sums() == self.victim.undisturbed
        wanted = {**self.victim.as_recorded, "points": None}
        tally.wrong += not (same and {**recorded, "points": None} == wanted)
        run_id = self.victim.runs(client)[0].info.run_id
        for name in LOSSES:
            points = client.get_metric_history(run_id, name)
            expected = set(self.victim.as_recorded["points"][name])
            found = {(point.step, point.value) for point in points}
            tally.points += len(expected)
            tally.lost += len(expected - found)
            tally.doubled += len(points) - len(found)
            times = [point.timestamp / 1000 for point in points]
            tally.displaced += sum(not begun <= moment <= ended for moment in times)
            tally.displaced += sum(second < first for first, second in pairwise(times))
        start = next(when for when, line in lines if "steps on" in line)
        end = next(when for when, line in lines if f"epoch {EPOCHS}/{EPOCHS}" in line)
        tally.seconds.append(end - start)
        tally.ends.append(ended - end)

    def _sync(self) -> None:
        """Send what waits; where bad luck decides whether that fails, again."""
        for _ in range(10):
            try:
                self.victim.run("tools.sync")
            except subprocess.CalledProcessError:
                continue
            return
        raise RuntimeError("what waits cannot be sent")

    def wait(self, over: Event) -> float:
        """Wait until the outage is to begin, or the training is over; returns for how long it is to last."""
        over.wait(self.chance.uniform(2, 0.7 * self.victim.seconds))
        return self.chance.uniform(1, LONGEST)


def none(_bench: Bench, _process: "subprocess.Popen[str]", _over: Event) -> None:
    """All is well."""


def stopped(bench: Bench, _process: "subprocess.Popen[str]", over: Event) -> None:
    """The server is killed, and started again later."""
    seconds = bench.wait(over)
    bench.server.stop()
    time.sleep(seconds)
    bench.server.start()


def frozen(bench: Bench, _process: "subprocess.Popen[str]", over: Event) -> None:
    """The server stands still, its sockets hang."""
    seconds = bench.wait(over)
    bench.server.signal(signal.SIGSTOP)
    time.sleep(seconds)
    bench.server.signal(signal.SIGCONT)


def moody(bench: Bench, _process: "subprocess.Popen[str]", over: Event) -> None:
    """A quarter of all requests is answered 500, half of these after they were done; to the end."""
    bench.mood = None
    over.wait()
    bench.mood = "well"


def failing(bench: Bench, _process: "subprocess.Popen[str]", over: Event) -> None:
    """All requests are answered 500 for a time."""
    seconds = bench.wait(over)
    bench.mood = "before"
    time.sleep(seconds)
    bench.mood = "well"


def locked(bench: Bench, _process: "subprocess.Popen[str]", over: Event) -> None:
    """Another process has locked the database."""
    seconds = bench.wait(over)
    with closing(sqlite3.connect(bench.database, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        other.execute("ROLLBACK")


def full(bench: Bench, process: "subprocess.Popen[str]", over: Event) -> None:
    """No file of MLflow's can grow, as on a full disk; to the end."""
    bench.wait(over)
    for task in Path(f"/proc/{process.pid}/task").glob("*"):
        for child in (task / "children").read_text().split():
            if b"mlflow_process" in Path(f"/proc/{child}/cmdline").read_bytes():
                resource.prlimit(int(child), resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    over.wait()


Disturb = Callable[[Bench, "subprocess.Popen[str]", Event], None]
OUTAGES: dict[str, tuple[Disturb, str]] = {  # and which store has it
    "none, server": (none, "server"),
    "stopped and started again": (stopped, "server"),
    "frozen": (frozen, "server"),
    "500 for a quarter of requests": (moody, "proxy"),
    "500 for all": (failing, "proxy"),
    "none, SQLite file": (none, "file"),
    "SQLite locked": (locked, "file"),
    "SQLite on a full disk": (full, "file"),
}


def table(tallies: dict[str, Tally], seconds: float) -> str:
    """The tallies of all outages, by name."""
    lines = [
        "| outage | trainings | something waited at their end | points | lost | doubled | out of time "
        "| wrong otherwise | epochs, s | end, s |",
        "| --- " * 10 + "|",
    ]
    for name, tally in tallies.items():
        lines.append(
            f"| {name} | {tally.trainings} | {tally.hit} | {tally.points} | **{tally.lost}** | "
            f"**{tally.doubled}** | **{tally.displaced}** | **{tally.wrong}** | "
            f"{median(tally.seconds):.1f} | {median(tally.ends):.1f}, at most {max(tally.ends):.1f} |"
        )
    struck = sum(tally.trainings for name, tally in tallies.items() if not name.startswith("none"))
    return "\n".join(
        [
            f"{struck} outages in {seconds / 60:.0f} minutes, each at a random moment of a training of "
            f"`digits`, {EPOCHS} epochs, for 1 to {LONGEST:.0f} s or to the training's end. *Epochs* is the "
            "median time from a training's first step to its last, *end* the time from there to the "
            "process's end: its files, and what is still sent or waited for.",
            "",
            *lines,
        ]
    )


def main() -> None:
    """Let all outages happen, round by round, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="of all outages (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    arguments = parser.parse_args()
    start = time.time()
    tallies = {name: Tally() for name in OUTAGES}
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), random.Random(arguments.seed))
        try:
            for number in range(arguments.rounds):
                for outage, tally in tallies.items():
                    bench.train(outage, tally)
                    verdict = "nothing lost" if tally.well else "NOT AS IT SHOULD BE"
                    print(f"{number + 1}/{arguments.rounds} {outage}: {verdict}", flush=True)
        finally:
            bench.close()
    text = table(tallies, time.time() - start)
    print(text)
    RESULT.write_text(f"## Outages of MLflow\n\n{text}\n")
    if not all(tally.well for tally in tallies.values()):
        sys.exit(1)


if __name__ == "__main__":
    command.guard(main)
