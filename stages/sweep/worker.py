"""What a worker does with a task: it unpacks a clone, runs the task there in a process, returns the result.

Ray sends the functions of this module by value, because a worker does not need this project on its path, but
only the packages in requirements.txt. So nothing here imports the project's modules.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

_TOLD = 20_000  # characters of a log that are returned
_SIGNAL = 128  # exit codes above it mean that a shell, or one of our stages, was ended by a signal


def compute(archive: bytes, task: dict[str, Any]) -> dict[str, Any]:
    """Run a task in its own clone.

    Args:
        archive: the clone, a tar file.
        task: see :class:`stages.sweep.cluster.Task`.

    Returns:
        ``code``: 0, or the exit code of what has failed; ``killed``: whether it was killed; ``answer``: what
        :func:`stages.sweep.task.run` returned; ``log``: the end of the log; ``seconds``: the time for all of
        it; ``host``: the machine's name.
    """
    start = time.monotonic()
    scratch = Path(task["scratch"]).expanduser().absolute()
    host = os.uname().nodename
    clones = scratch / "clones" / host  # the scratch folder may be on a disk that machines share
    _clear(clones)
    folder = clones / f"{task['name']}.{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(folder)
        found = _do({**task, "scratch": str(scratch)}, folder / task["place"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {**found, "seconds": time.monotonic() - start, "host": host}


def _do(task: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run the task in a process, in the project's folder."""
    log, answer = folder / ".dvc" / "tmp" / "log", folder / ".dvc" / "tmp" / "answer.json"
    log.parent.mkdir(exist_ok=True)
    own = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}  # Ray sets it
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    site = str(folder / ".dvc" / "tmp" / "site")  # DVC's notes on a clone are removed with it
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stages.sweep.task"],
            cwd=folder,
            env={**own, **task["environment"], "PATH": path, "DVC_SITE_CACHE_DIR": site},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    assert process.stdin is not None
    # Standard input stays open: when it is closed, the process knows that this one has ended.
    process.stdin.write(json.dumps(task).encode() + b"\n")
    process.stdin.flush()
    code = process.wait()
    process.stdin.close()
    found = json.loads(answer.read_text()) if answer.exists() else {}
    code = found.get("code", code or 1)
    killed = code < 0 or code > _SIGNAL
    return {"code": code, "killed": killed, "answer": found, "log": log.read_text(errors="replace")[-_TOLD:]}


def _clear(clones: Path) -> None:
    """Remove the clones of killed workers on this machine."""
    for folder in clones.glob("*.*"):
        number = int(folder.suffix[1:])
        if number == os.getpid() or not _lives(number):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True
