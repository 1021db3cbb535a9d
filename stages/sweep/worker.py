"""What a worker does with a task: it makes a clone, has another process do the task there, tells what came.

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

    The clone of a task whose worker was killed is still there, on the same machine: a training goes on in it.

    Args:
        archive: the clone, a tar file.
        task: see :class:`stages.sweep.cluster.Task`.

    Returns:
        ``code``, 0 or the exit code of what failed; whether that was ``killed``; ``answer``, what the task's
        process has to say; ``log``; ``seconds``; and ``host``, the machine's name.
    """
    start = time.monotonic()
    scratch = Path(task["scratch"]).expanduser().absolute()
    folder = scratch / "clones" / task["folder"]
    if not folder.exists():
        _unpack(archive, folder)
    log, answer = scratch / "clones" / f"{task['folder']}.log", folder / ".dvc" / "tmp" / "answer.json"
    answer.unlink(missing_ok=True)
    own = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}  # Ray sets it
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stages.sweep.task"],
            cwd=folder,
            env={**own, **task["environment"], "PATH": path},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdin is not None
        # It stays open: that it is closed tells the process that this one is no more.
        process.stdin.write(json.dumps({**task, "scratch": str(scratch)}).encode() + b"\n")
        process.stdin.flush()
        code = process.wait()
        process.stdin.close()
    found = json.loads(answer.read_text()) if answer.exists() else {}
    code = found.get("code", code or 1)
    killed = code < 0 or code > _SIGNAL
    about = {"code": code, "killed": killed, "answer": found, "log": log.read_text(errors="replace")[-_TOLD:]}
    if not killed:  # else the next try goes on there
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink()
    return {**about, "seconds": time.monotonic() - start, "host": os.uname().nodename}


def _unpack(archive: bytes, folder: Path) -> None:
    """Make the clone, whole or not at all."""
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(aside, filter="data")
    aside.rename(folder)
