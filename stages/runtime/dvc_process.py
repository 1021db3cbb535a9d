"""`dvc repro` as a process of its own: in a copy of the repository elsewhere, or here."""

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
_PATIENCE = 60  # seconds for stages that end


def environment() -> dict[str, str]:
    """This process's environment, in which the stages' ``python`` is this one."""
    own = git.other_repository()
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', os.defpath)}"
    return own


@contextmanager
def elsewhere(folder: Path, *options: str, output: int | None = None) -> "Iterator[subprocess.Popen[str]]":
    """Run the pipeline in a copy of the repository, with no cache but its own and no store but a local one.

    If the block ends by an exception, DVC and its stages end first.

    Args:
        folder: the copy's; its ``.dvc/config.local`` is written.
        options: of `dvc repro`.
        output: takes what is printed, as ``subprocess.Popen`` has it; default: this process's own.
    """
    own = {key: value for key, value in environment().items() if key != "MLFLOW_TRACKING_URI"}
    own["DVC_SITE_CACHE_DIR"] = str(folder / ".dvc" / "tmp" / "site")
    (folder / ".dvc" / "config.local").write_text("[cache]\n    dir = cache\n")  # whatever the user's own say
    if output is not None:
        own["PYTHONUNBUFFERED"] = "1"
    process = subprocess.Popen(
        [*COMMAND, *options],
        cwd=folder,
        env=own,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a group of its own, so that what DVC has started ends with it
    )
    try:
        yield process
    except BaseException:
        _end(process)
        raise


def _end(process: "subprocess.Popen[str]") -> None:
    """End DVC and its stages, which first write what they must."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
