"""Let several trainings log to one store at once, and see how fast it takes all, and what it takes.

``python -m benchmarks.writers`` (three minutes) writes benchmarks/results/writers.md. Each writer is a
process (writer.py) that logs what a training of ``sine`` does, through the outbox as that does, only faster:
the worst that so many trainings can do to a store. The stores are an SQLite file, and the server of a team on
PostgreSQL (see docs/team.md). Exit code 1 says that a point was lost or doubled.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from unittest.mock import patch

from mlflow import MlflowClient

from benchmarks import pipeline
from benchmarks.team_server import ADMIN, TeamServer
from benchmarks.writer import EPOCHS, EXPERIMENT, LOSSES, value
from stages.runtime import command

RESULT = Path(__file__).parent / "results" / "writers.md"
COUNTS = (1, 2, 4, 8)
POINTS = EPOCHS * len(LOSSES)  # of a run


@dataclass
class Store:
    """A store to be measured.

    Attributes:
        name: what it is.
        environment: in which it is found.
        artifacts: the folder with its artifacts.
        size: says the bytes of its database.
    """

    name: str
    environment: Mapping[str, str]
    artifacts: Path
    size: Callable[[], int]


@dataclass
class Tally:
    """What so many writers at once did.

    Attributes:
        runs: how many they logged in all.
        seconds: of each round, from the common start until the last one's run is in the store.
        lost: points that the store lacks.
        doubled: points that it has twice.
    """

    runs: int = 0
    seconds: list[float] = field(default_factory=list)
    lost: int = 0
    doubled: int = 0


@dataclass
class Measured:
    """What was measured of a store.

    Attributes:
        tallies: by the number of writers.
        database: bytes that a run takes in the database.
        artifacts: bytes that its pictures and files take.
    """

    tallies: dict[int, Tally]
    database: float
    artifacts: float

    @property
    def well(self) -> bool:
        """Whether no point was lost or doubled."""
        return not any(tally.lost or tally.doubled for tally in self.tallies.values())

    def speed(self, count: int) -> float:
        """Points per second of so many writers in all; the median round's."""
        return count * POINTS / median(self.tallies[count].seconds)


def measure(store: Store, folder: Path, counts: Sequence[int], rounds: int) -> Measured:
    """Let writers log to a store, round by round as many at once as ``counts`` say."""
    writers = [_start(store, folder / f"{store.name} {number}") for number in range(max(counts))]
    try:
        for writer in writers:
            _wait(writer)
        tallies = {count: Tally() for count in counts}
        before, files = store.size(), _bytes(store.artifacts)
        names: list[tuple[int, str]] = []
        for number in range(rounds):
            for count, tally in tallies.items():
                start = time.perf_counter()
                for index, writer in enumerate(writers[:count]):
                    names.append((count, f"{number} {count} {index}"))
                    assert writer.stdin is not None
                    writer.stdin.write(f"{names[-1][1]}\n")
                    writer.stdin.flush()
                for writer in writers[:count]:
                    _wait(writer)
                tally.seconds.append(time.perf_counter() - start)
                tally.runs += count
        database = (store.size() - before) / len(names)
        artifacts = (_bytes(store.artifacts) - files) / len(names)
    finally:
        for writer in writers:
            writer.communicate()  # its input ends, and so does it
    count_lost(store, names, tallies)
    return Measured(tallies, database, artifacts)


def _start(store: Store, folder: Path) -> "subprocess.Popen[str]":
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.writer", str(folder)],
        cwd=pipeline.ROOT,
        env={**pipeline.environment(), **store.environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _wait(writer: "subprocess.Popen[str]") -> None:
    assert writer.stdout is not None
    if writer.stdout.readline() != "done\n":
        raise RuntimeError("a writer has failed")


def count_lost(store: Store, names: Sequence[tuple[int, str]], tallies: Mapping[int, Tally]) -> None:
    """Count what of the points of runs, given with their number of writers, is not in the store once."""
    with patch.dict(os.environ, store.environment):
        client = MlflowClient(store.environment["MLFLOW_TRACKING_URI"])
        experiment = client.get_experiment_by_name(EXPERIMENT)
        runs = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment.experiment_id])}
        expected = {(epoch, value(epoch)) for epoch in range(1, EPOCHS + 1)}
        for count, name in names:
            for loss in LOSSES:
                points = client.get_metric_history(runs[name], loss) if name in runs else []
                found = {(point.step, point.value) for point in points}
                tallies[count].lost += len(expected - found)
                tallies[count].doubled += len(points) - len(found)


def _bytes(*places: Path) -> int:
    """Of files, and of all below folders."""
    return sum(
        file.stat().st_size for place in places for file in (place, *place.rglob("*")) if file.is_file()
    )


def sqlite(folder: Path) -> Store:
    """A store in a file."""
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    return Store("SQLite file", environment, folder / "mlruns", lambda: _bytes(*folder.glob("mlflow.db*")))


def server(team: TeamServer) -> Store:
    """The store of a team's server, as its admin has it."""
    size = "SELECT pg_database_size('mlflow')"
    return Store(
        "server on PostgreSQL",
        team.login(ADMIN),
        team.folder / "artifacts",
        lambda: int(team.postgres.ask(size)),
    )


def table(measured: Mapping[str, Measured]) -> str:
    """What was measured of each store."""
    lines = [
        "| store | writers | runs | points per second in all | of one writer's | seconds | lost | doubled |",
        "| --- " * 8 + "|",
    ]
    for name, store in measured.items():
        for count, tally in store.tallies.items():
            lines.append(
                f"| {name} | {count} | {tally.runs} | {store.speed(count):,.0f} | "
                f"{store.speed(count) / store.speed(min(store.tallies)):.2f} | {median(tally.seconds):.1f} | "
                f"**{tally.lost}** | **{tally.doubled}** |"
            )
    lines += ["", "| store | database, kB a run | artifacts, kB a run |", "| --- " * 3 + "|"]
    for name, store in measured.items():
        lines.append(f"| {name} | {store.database / 1e3:.0f} | {store.artifacts / 1e3:,.0f} |")
    return "\n".join(
        [
            f"Each writer logs a run with {POINTS:,} points ({EPOCHS} epochs, {len(LOSSES)} losses), "
            f"{EPOCHS // 20} pictures and {2 * (EPOCHS // 100)} files through the outbox, all of it at once. "
            "*Seconds* from the common start until the last one's run is in the store, the median round's; "
            "*points per second* have the pictures' and files' time in them. All on one machine with "
            f"{os.cpu_count()} cores: writers, server and database.",
            "",
            *lines,
        ]
    )


def main() -> None:
    """Measure both stores, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="of all numbers (default: %(default)s)")
    arguments = parser.parse_args()
    measured = {}
    with tempfile.TemporaryDirectory() as name:
        folders = {key: Path(name, key) for key in ("file", "server", "writers")}
        for folder in folders.values():
            folder.mkdir()
        file = sqlite(folders["file"])
        measured[file.name] = measure(file, folders["writers"], COUNTS, arguments.rounds)
        team = TeamServer(folders["server"])
        try:
            team.start()
            other = server(team)
            measured[other.name] = measure(other, folders["writers"], COUNTS, arguments.rounds)
        finally:
            team.stop()
    text = table(measured)
    print(text)
    RESULT.write_text(f"## Writers at once\n\n{text}\n")
    if not all(store.well for store in measured.values()):
        sys.exit(1)


if __name__ == "__main__":
    command.guard(main)
