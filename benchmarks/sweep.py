"""Sweeps: what they cost beside the stages' own work, what several workers gain, what a lost one changes.

``python -m benchmarks.sweep`` (fifteen minutes) writes benchmarks/results/sweep.md. It sweeps a pipeline
whose stages do nothing, and the real one at small size: two experiments with four seeds each, by one worker,
by two, and by two of which one is killed in the middle. Exit code 1 says that one of them leaves another
dvc.lock than a plain `dvc repro`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import psutil

from benchmarks import pipeline
from stages.runtime import command

RESULT = Path(__file__).parent / "results" / "sweep.md"
RUNS = 20  # of the pipeline that does nothing
EPOCHS = {"sine": 100, "digits": 80}
SEEDS = [1, 2, 3, 4]

# A pipeline of the same form whose stages do next to nothing.
IDLE = """
stages:
  check:
    cmd: python -m stages.check
    deps: [params.yaml]
    outs:
      - data/code
      - data/sources: {cache: false}
  prepare:
    matrix: {experiment: "${experiments}"}
    cmd: >-
      sh work.sh prepare data/code/${item.experiment}/prepare data/${item.experiment}/dataset
      ${item.experiment}
    deps: ["data/code/${item.experiment}/prepare", "data/sources/${item.experiment}", work.sh]
    outs: ["data/${item.experiment}/dataset"]
  train:
    matrix: {experiment: "${experiments}", seed: "${seeds}"}
    cmd: >-
      sh work.sh train data/${item.experiment}/dataset data/${item.experiment}/seed-${item.seed}/network
      ${item.experiment}-${item.seed}
    deps: ["data/${item.experiment}/dataset", work.sh]
    outs: ["data/${item.experiment}/seed-${item.seed}/network"]
  evaluate:
    matrix: {experiment: "${experiments}", seed: "${seeds}"}
    cmd: >-
      sh work.sh evaluate data/${item.experiment}/seed-${item.seed}/network
      reports/runs/${item.experiment}-${item.seed} ${item.experiment}-${item.seed}
    deps: ["data/${item.experiment}/seed-${item.seed}/network", work.sh]
    plots:
      - reports/runs/${item.experiment}-${item.seed}: {cache: false}
  report:
    cmd: ls reports/runs > reports/README.md
    deps: [reports/runs]
    metrics:
      - reports/README.md: {cache: false}
"""
# Who is the first to train what WAITS names leaves the number of its process, and waits to be killed.
WORK = """
if [ "$1-$4" = "train-$WAITS" ] && mkdir "$MARK" 2>/dev/null; then
    echo $$ > "$MARK/number"; mv "$MARK/number" "$MARK/process"; sleep 60
fi
if [ "$1-$4" = "train-$FAILS" ]; then echo this one fails; exit 3; fi
mkdir -p "$(dirname "$3")"
{ cat "$2"; echo "$1 $4"; } > "$3"
"""


def make(folder: Path, idle: bool = True, **settings: Any) -> Path:
    """A repository to sweep: with the idle pipeline, or the real one at small size; threads: 1."""
    folder.mkdir()
    pipeline.checkout(folder)
    pipeline.make_idle(folder, epochs=2, samples=300)
    if idle:
        (folder / "dvc.yaml").write_text(IDLE)
        (folder / "work.sh").write_text(WORK)
    pipeline.change_params(folder, {}, threads=1, **settings)
    pipeline.commit(folder)
    return folder


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a sweep; what it says can be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "stages.sweep", *arguments],
        cwd=folder,
        env={**pipeline.environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def worker_above(process: psutil.Process) -> psutil.Process:
    """The worker of Ray's that has begun a process."""
    return next(parent for parent in process.parents() if "ray::" in " ".join(parent.cmdline()))


@dataclass
class Sweep:
    """A sweep that has ended.

    Attributes:
        seconds: of it as a whole.
        before: of these, until its tasks begin: what is there already is found out.
        after: from the last task's end: its results are taken over, and `dvc repro` writes the report.
        tasks: seconds that each task took, on its worker.
        lost: how often a worker was lost.
    """

    seconds: float
    before: float
    after: float
    tasks: list[float]
    lost: int


def sweep(folder: Path, workers: int, kill: bool = False) -> Sweep:
    """Sweep a repository; ``kill`` a worker that trains, once another training is done."""
    begin = first = last = time.monotonic()
    process = start(folder, "--workers", str(workers))
    assert process.stdout is not None
    tasks, lost, killed = [], 0, False
    for line in process.stdout:
        if "of them to compute" in line:
            first = time.monotonic()
        if found := re.search(r": done in ([0-9.]+) s", line):
            tasks.append(float(found[1]))
            last = time.monotonic()
        lost += "tried again" in line
        if kill and not killed and line.startswith("train@"):
            worker_above(_training(process.pid)).kill()
            killed = True
    if process.wait():
        raise RuntimeError("the sweep has failed")
    end = time.monotonic()
    return Sweep(end - begin, first - begin, end - last, tasks, lost)


def _training(sweep: int) -> psutil.Process:
    """A training that runs for a sweep; if none does, the next."""
    while True:
        for process in psutil.Process(sweep).children(recursive=True):
            with suppress(psutil.Error):
                if "stages.train" in process.cmdline():
                    return process
        time.sleep(0.01)


def idle(folder: Path) -> list[str]:
    """Sweep the idle pipeline by one and two workers; returns lines of a table."""
    lines = []
    for workers in (1, 2):
        made = make(folder / str(workers), experiments=["sine"], seeds=list(range(1, RUNS + 1)))
        found = sweep(made, workers)
        each = (found.seconds - found.before - found.after) / len(found.tasks)
        lines.append(
            f"| {workers} | {len(found.tasks)} | {mean(found.tasks):.2f} | {each:.2f} | {found.before:.1f} | "
            f"{found.after:.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def real(folder: Path) -> tuple[list[str], bool]:
    """Sweep the real pipeline in all ways; returns lines of a table, and whether all dvc.lock are equal."""
    settings = {"experiments": list(EPOCHS), "seeds": SEEDS}
    made = make(folder / "plain", idle=False, **settings)
    pipeline.change_params(made, {name: {"train": {"epochs": count}} for name, count in EPOCHS.items()})
    pipeline.commit(made)
    ways = {"one worker": (1, False), "two": (2, False), "two, of which one is killed": (2, True)}
    for way in ways:
        subprocess.run(["git", "clone", "--quiet", made, folder / way], check=True)
    seconds, _ = pipeline.reproduce(made)
    lock = (made / "dvc.lock").read_bytes()
    lines, well, one = [f"| plain `dvc repro`, one thread | {seconds:.0f} | - | - | - |"], True, 0.0
    print(lines[0], flush=True)
    for way, (workers, kill) in ways.items():
        found = sweep(folder / way, workers, kill)
        same = (folder / way / "dvc.lock").read_bytes() == lock
        well = well and same
        one = one or found.seconds
        lines.append(
            f"| {way} | {found.seconds:.0f} | {one / found.seconds:.2f} | {found.lost} | "
            f"**{'the same' if same else 'ANOTHER'}** |"
        )
        print(lines[-1], flush=True)
    return lines, well


def main() -> None:
    """Sweep both pipelines, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for part in ("idle", "real"):
            Path(name, part).mkdir()
        nothing = idle(Path(name, "idle"))
        lines, well = real(Path(name, "real"))
    text = "\n".join(
        [
            f"A pipeline whose stages do nothing: {RUNS} runs. A *task* is a stage in a clone of its own; "
            "*each* is the time for all tasks, Ray's start included, by their number. *Before* is the time "
            "until the first begins, *after* that from the last one's end: the results are taken over, "
            "and `dvc repro` looks at all stages.",
            "",
            "| workers | tasks | a task, s | each, s | before, s | after, s |",
            "| --- " * 6 + "|",
            *nothing,
            "",
            f"The real pipeline: {len(EPOCHS)} experiments with {len(SEEDS)} seeds, "
            + ", ".join(f"{name} {count} epochs" for name, count in EPOCHS.items())
            + ", one thread each, on two cores.",
            "",
            "| by | seconds | times as fast as by one worker | workers lost | `dvc.lock` |",
            "| --- " * 5 + "|",
            *lines,
        ]
    )
    print(text)
    RESULT.write_text(f"## Sweeps\n\n{text}\n")
    if not well:
        sys.exit(1)


if __name__ == "__main__":
    command.guard(main)
