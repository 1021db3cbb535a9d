"""`dvc repro` as a separate process, here or in a copy of the repository."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stages.runtime import git

COMMAND = (sys.executable, "-m", "dvc", "repro")
_PATIENCE = 60  # seconds that stages have to end


def environment() -> dict[str, str]:
    """This process's environment variables, with a ``PATH`` on which ``python`` is this Python."""
    own = git.other_repository()
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', os.defpath)}"
    return own


@contextmanager
def elsewhere(folder: Path, *options: str, output: int | None = None) -> "Iterator[subprocess.Popen[str]]":
    """Run the pipeline in a copy of the repository, with its own cache and a local MLflow store.

    If the block ends by an exception, DVC and its stages end first.

    Args:
        folder: the folder of the copy; its ``.dvc/config.local`` is overwritten.
        options: options of `dvc repro`.
        output: ``stdout`` of ``subprocess.Popen``, for both outputs; default: the outputs of this process.

    Yields:
        The process of DVC.
    """
    own = {key: value for key, value in environment().items() if key != "MLFLOW_TRACKING_URI"}
    own["DVC_SITE_CACHE_DIR"] = str(folder / ".dvc" / "tmp" / "site")
    (folder / ".dvc" / "config.local").write_text("[cache]\n    dir = cache\n")  # overrides the user's
    if output is not None:
        own["PYTHONUNBUFFERED"] = "1"
    process = subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        env=own,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        text=True,
        start_new_session=True,  # its own group, to end the processes that DVC has started
    )
    try:
        yield process
    except BaseException:
        _end(process)
        raise


def _end(process: "subprocess.Popen[str]") -> None:
    """End DVC and its stages; they get time to write their checkpoints."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
