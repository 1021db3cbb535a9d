"""Keep dvc.lock whole, however DVC ends.

DVC writes dvc.lock in place after each stage, and takes seconds for one of many runs: who ends it meanwhile
(or a disk that is full) leaves the file's beginning, which DVC refuses, or takes for all there is. So each
stage starts a process that outlives DVC, knows the last whole file, and puts it back. What that lacks, DVC
has in its run cache.
"""

import os
import re
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stages import dvc
from stages.gan import files

if TYPE_CHECKING:
    from psutil import Process

LOCK = Path("dvc.lock")
_EVERY = 0.1  # seconds between two looks
_STILL = 5.0  # seconds without a change, after which nobody is writing, or was when DVC ended
_PATIENCE = 60.0  # seconds for which another process of DVC's may hold its lock
_STAGE = re.compile(r"^  (\S.*):$", re.MULTILINE)


def start(parent: "Process") -> int:
    """Have a process keep dvc.lock until DVC, the ``parent``, has noted there what this stage leaves.

    Returns:
        A file descriptor that can be read from as soon as that process is at it.
    """
    ready, told = os.pipe()
    subprocess.Popen(
        [sys.executable, "-m", "stages.keeper", str(parent.pid), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=told,
        stderr=subprocess.DEVNULL,  # who reads what DVC says to its end does not wait for this process
        start_new_session=True,  # Ctrl-C is not for it
    )
    os.close(told)
    return ready


def keep(parent: "Process", stage: "Process") -> None:
    """Watch dvc.lock until DVC, the ``parent``, has written it after the ``stage``, or has ended in that."""
    seen, since = _stamp(), time.monotonic()
    whole = text = _read()
    _begin()
    writing = False  # or has written: DVC does so once the stage has ended
    while dvc.lives(parent):
        if (stamp := _stamp()) != seen:
            seen, since, text = stamp, time.monotonic(), _read()
            writing = not dvc.lives(stage)
            if not is_cut(text, whole):
                whole = text
        elif time.monotonic() > since + _STILL:
            whole = text  # what somebody else put there, perhaps
            if writing:
                return
        time.sleep(_EVERY)
    if writing:
        _mend(whole)


def _begin() -> None:
    """Tell the stage that its end need not wait any longer."""
    os.close(1)


def is_cut(text: str, whole: str) -> bool:
    """Whether a text may be no more than the beginning of a file that has all stages of a ``whole`` one."""
    return not text.endswith("\n") or not set(_STAGE.findall(whole)) <= set(_STAGE.findall(text))


def _mend(whole: str) -> None:
    """Put the whole file back if DVC, which has just ended, has left a part; no other writes meanwhile."""
    from zc.lockfile import LockError, LockFile

    ended = time.time()
    while time.time() < ended + _PATIENCE and dvc.FOLDER.is_dir():  # else the checkout is no more
        with suppress(LockError, OSError), closing(LockFile(str(dvc.FOLDER / "lock"))):
            if is_cut(_read(), whole) and LOCK.stat().st_mtime > ended - _STILL:
                _put(whole)
            return
        time.sleep(_EVERY)


def _read() -> str:
    try:
        return LOCK.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _stamp() -> tuple[int, int] | None:
    try:
        about = LOCK.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def _put(whole: str) -> None:
    if not whole:
        LOCK.unlink(missing_ok=True)
        return
    try:
        files.write(LOCK, whole)
    except OSError:  # no room for another; the beginning that is there makes some
        LOCK.write_text(whole, encoding="utf-8")


if __name__ == "__main__":
    import psutil

    with suppress(psutil.NoSuchProcess):  # the stage was killed, too
        keep(*(psutil.Process(int(number)) for number in sys.argv[1:]))
