"""Compute all runs of params.yaml in parallel: each stage is a task on a Ray cluster, in its own clone.

Computes all stages of the last commit's params.yaml that are not computed yet, several at a time, on this
machine or on all machines of a cluster. Then `dvc repro` takes the results over and writes the report. If a
worker is lost, its stage is tried again; if a stage fails, only the stages that depend on it are skipped. Run
it again to continue.

Reads:
  params.yaml, dvc.yaml, dvc.lock          and the code, all from the last commit
Writes:
  data, reports, dvc.lock                  the same as dvc repro
  .dvc/tmp/sweep/logs                      output of stages that failed
Example:
  python -m stages.sweep --workers 2
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stages.gan.core import params
from stages.runtime import command, locks
from stages.runtime.errors import UserError, counted, say

if TYPE_CHECKING:
    from stages.sweep.cluster import Outcome
    from stages.sweep.plan import Plan
    from stages.sweep.site import Site


_RAY = {
    "RAY_USAGE_STATS_ENABLED": "0",  # sends nothing
    # Otherwise the processes of a worker that ends are killed at once, and a stage could not end properly.
    "RAY_kill_child_processes_on_worker_exit": "false",
}
_NAMED = 8  # at most so many stages are named in a message


def sweep(address: str | None, workers: int | None, scratch: str) -> None:
    """Compute what is not computed yet, and take the results over into this folder.

    Args:
        address: host and port of a Ray cluster's head; None: only this machine.
        workers: number of tasks at once on this machine; None: as many as its cores allow.
        scratch: on a cluster, the folder on each machine for clones and a cache.

    Raises:
        UserError: something is missing or not committed, or a stage has failed.
    """
    known = params.load(Path("params.yaml"))
    for name, value in _RAY.items():
        os.environ.setdefault(name, value)
    try:
        import ray  # noqa: F401
    except ImportError as error:
        raise UserError("a sweep needs Ray: pip install -r requirements.txt has it") from error
    from stages.sweep import clone, entries, plan, site

    _check_paths(known)
    commit = clone.commit()
    try:
        locks.hold_folder(Path(".dvc/tmp/sweep"), seconds=0)  # until this process ends
    except BlockingIOError as error:
        raise UserError("another sweep is running in this folder; wait for it, or end it") from error
    with plan.opened() as repo:
        place = site.here(repo) if address is None else site.elsewhere(repo, scratch)
        plan.begin(repo, place.remote)
        found = plan.take(repo, place.remote, {})
        if place.remote and found.pending:
            entries.push(repo, found.needed)
    needed = counted(len(found.needs), "stage")
    say(f"sweep: {needed}, {len(found.pending)} of them to compute, at {commit[:12]}")
    if found.pending:
        failed = _compute(known, found, commit, place, address, workers)
        if not clone.is_here(commit):
            raise UserError(
                f"this folder has changed since commit {commit[:12]}, which was computed; the results are in "
                "DVC's run cache: check out that commit, and run this again"
            )
        with plan.opened() as repo:
            pending = plan.take(repo, place.remote, found.entries).pending
        if lacking := failed or pending:
            names = ", ".join(lacking[:_NAMED]) + ", …" * (len(lacking) > _NAMED)
            have = "has" if len(lacking) == 1 else "have"
            raise UserError(f"{counted(len(lacking), 'stage')} {have} failed: {names}; see above")
    sys.stdout.flush()
    if subprocess.run([sys.executable, "-m", "dvc", "repro"], check=False).returncode:
        raise UserError("dvc repro has failed; see above")


def _compute(
    known: params.Params,
    found: "Plan",
    commit: str,
    place: "Site",
    address: str | None,
    workers: int | None,
) -> list[str]:
    """Compute the plan's pending stages, and add their entries to it.

    Returns:
        The names of the stages that have failed.
    """
    from stages.sweep import clone
    from stages.sweep.board import Board
    from stages.sweep.cluster import Cluster, Task

    settings = known.settings
    processes = max(known.experiments[name].train.processes for name in settings.experiments)

    def make(name: str) -> Task:
        entries = [found.entries[other] for other in found.needs[name]]
        return Task(name, place, entries, _processes(name, known))

    def note(outcome: "Outcome", again: bool) -> None:
        if outcome.entry is not None:
            found.entries[outcome.name] = outcome.entry
        elif outcome.end != "skipped" and not again:
            failed.append(outcome.name)
        board.show(outcome, again)

    failed: list[str] = []
    cpus = max(workers or (os.cpu_count() or 1) // settings.threads, processes) * settings.threads
    pending = set(found.pending)
    needs = {name: pending.intersection(before) for name, before in found.needs.items() if name in pending}
    with Cluster(address, cpus, settings.device, settings.threads) as cluster:
        board = Board(found.needs, found.entries)
        try:
            cluster.run(clone.archive(commit), needs, make, note)
        finally:
            board.close()
        say(board.table())
    return failed


def _processes(name: str, known: params.Params) -> int:
    """The number of processes in which a stage computes."""
    kind, _, run = name.partition("@")
    experiment = run.rpartition("-")[0]
    return known.experiments[experiment].train.processes if kind == "train" else 1


def _check_paths(known: params.Params) -> None:
    """Check that all files which the parameters name will be in the clones: git must have them.

    Raises:
        UserError: a file is not in git, or an experiment starts from a run of another one.
    """
    from stages.sweep import clone

    for name in known.settings.experiments:
        experiment = known.experiments[name]
        if experiment.train.start is not None:
            raise UserError(
                f"params.yaml: {name}.train.from: the trainings of a sweep cannot use each other's networks; "
                "run `make repro`, which runs one after the other"
            )
        files = {"evaluate.inception": experiment.evaluate.inception}
        files["data.path"] = experiment.source.path
        for key, path in files.items():
            if path is not None and not Path(path).expanduser().is_absolute() and not clone.holds(path):
                raise UserError(
                    f"params.yaml: {name}.{key}: a sweep works in clones, which do not contain {path}: give "
                    "its absolute path, or commit it"
                )


if __name__ == "__main__":
    parser = command.plain_parser(__doc__)
    parser.add_argument("--address", help="host and port of a Ray cluster's head; default: this machine only")
    parser.add_argument("--workers", type=int, help="tasks at once on this machine; default: cores / threads")
    parser.add_argument(
        "--scratch",
        default="~/.cache/gan-workflow",
        help="with --address: folder on each machine for clones and a cache; default: %(default)s",
    )
    arguments = parser.parse_args()
    if arguments.workers is not None and not 1 <= arguments.workers <= 1024:
        parser.error("argument --workers: must be from 1 to 1024")
    command.guard(lambda: sweep(**vars(arguments)))
