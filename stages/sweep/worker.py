"""What a worker does with a task: it makes a clone, has another process do the task there, says what came.

Ray sends this module's functions by value, as a worker need not have this project on its path: only the
packages that requirements.txt names. So nothing here imports any of the project's modules.
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

_TOLD = 20_000  # characters of a log
_SIGNAL = 128  # exit codes above say which signal has ended a shell, or a stage of ours


def compute(archive: bytes, task: dict[str, Any]) -> dict[str, Any]:
    """Do a task in a clone of its own.

    Args:
        archive: the clone, a tar file.
        task: see :class:`stages.sweep.cluster.Task`.

    Returns:
        ``code``, 0 or the exit code of what failed; whether that was ``killed``; ``answer``, what the task's
        process has to say; ``log``; ``seconds``; and ``host``, the machine's name.
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
    """Have a process do the task in the project's folder."""
    log, answer = folder / ".dvc" / "tmp" / "log", folder / ".dvc" / "tmp" / "answer.json"
    log.parent.mkdir(exist_ok=True)
    own = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}  # Ray sets it
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    site = str(folder / ".dvc" / "tmp" / "site")  # what DVC remembers of a clone goes with it
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
    # It stays open: that it is closed shows the process that this one is no more.
    process.stdin.write(json.dumps(task).encode() + b"\n")
    process.stdin.flush()
    code = process.wait()
    process.stdin.close()
    found = json.loads(answer.read_text()) if answer.exists() else {}
    code = found.get("code", code or 1)
    killed = code < 0 or code > _SIGNAL
    return {"code": code, "killed": killed, "answer": found, "log": log.read_text(errors="replace")[-_TOLD:]}


def _clear(clones: Path) -> None:
    """Remove the clones of workers that were killed, on this machine."""
    for folder in clones.glob("*.*"):
        number = int(folder.suffix[1:])
        if number == os.getpid() or not _lives(number):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
