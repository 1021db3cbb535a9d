"""Compute one stage in a clone; other tasks may have computed what it depends on.

Reads one line of JSON from standard input, described in ``stages.sweep.cluster.Task``. Standard input is
closed once the worker that started this process has ended. Then this process ends as well, and the stage,
which keeps its checkpoint. Writes the result to .dvc/tmp/answer.json.
"""

import json
import logging
import os
import re
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage.exceptions import StageCmdFailedError

from stages.runtime import files, paths
from stages.sweep import entries
from stages.sweep.entries import Entry
from stages.sweep.site import SCRATCH


def run(task: dict[str, Any]) -> dict[str, Any]:
    """Compute the task's stage in this folder; see :class:`stages.sweep.cluster.Task`.

    Returns:
        ``code``: 0, or the exit code of the stage's command, negative for a signal; and if it is 0, the
        stage's ``entry`` of the run cache.
    """
    _prepare(task)
    try:
        return {"code": 0, "entry": asdict(_compute(task))}
    except DvcException as error:
        logging.getLogger("dvc").error("%s", error)
        return {"code": _code(error)}


def _compute(task: dict[str, Any]) -> Entry:
    needed = [Entry(**entry) for entry in task["entries"]]
    with Repo() as repo:
        entries.put(repo, needed)
        if task["remote"]:
            entries.pull(repo, needed)
        repo.reproduce([task["name"]])
        with repo.lock:
            (stage,) = repo.stage.collect(task["name"])
            entry = entries.save(repo, stage)
        if task["remote"]:
            entries.push(repo, [entry])
    return entry


def _prepare(task: dict[str, Any]) -> None:
    """Set up what this task shares with others on this machine: cache, checkpoints, outbox and downloads."""
    config = Path(".dvc/config.local")
    config.touch(mode=0o600)  # it may contain a password of the remote
    config.write_text(task["config"].replace(SCRATCH, task["scratch"]))
    # With many runs, DVC takes seconds to write this file. It finds their results in the run cache.
    Path("dvc.lock").unlink(missing_ok=True)
    shared = Path(task["shared"].replace(SCRATCH, task["scratch"]))
    for name in (paths.OUTBOX, paths.CHECKPOINTS):
        (shared / name).mkdir(parents=True, exist_ok=True)
        name.symlink_to(shared / name)
    if (shared / paths.RAW).is_dir():  # else each downloads for itself: two at once would conflict
        paths.RAW.symlink_to(shared / paths.RAW)


def _code(error: BaseException | None) -> int:
    """The exit code of the stage's command; 1 if something else has failed."""
    while error is not None and not isinstance(error, StageCmdFailedError):
        error = error.__cause__
    found = re.search(r"exited with (-?\d+)", str(error))
    return int(found[1]) if found else 1


def _end_with_the_worker() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    files.write(Path(".dvc/tmp/answer.json"), json.dumps(run(job)))
    sys.stdout.flush()
    os._exit(0)
