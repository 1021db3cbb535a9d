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
from pathlib import Path

from stages.gan import files
from stages.gan.errors import warn

LOCK = Path("dvc.lock")
_EVERY = 0.1  # seconds between two looks
_STILL = 0.5  # seconds without a change, after which nobody writes a file that is cut
_QUIET = 5.0  # seconds without a change, after which DVC has other things to do than to write
_STAGE = re.compile(r"^  (\S.*):$", re.MULTILINE)
_END = re.compile(r"^ +(size|nfiles): \d+\n\Z", re.MULTILINE)


def start(dvc: int) -> None:
    """Have a process keep dvc.lock until DVC has noted there what this stage leaves.

    Args:
        dvc: the id of DVC's process.
    """
    subprocess.Popen(
        [sys.executable, "-m", "stages.keeper", str(dvc), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is not for it
    )


def keep(dvc: int, stage: int) -> None:
    """Watch dvc.lock while DVC lives, until it is written after a stage; if DVC ends before, see to it.

    Args:
        dvc: the id of DVC's process.
        stage: that of the stage's.
    """
    whole, seen, since = _read(), _stamp(), time.monotonic()
    noted = False
    while _lives(dvc):
        if (stamp := _stamp()) != seen:
            seen, since = stamp, time.monotonic()
            noted = noted or not _lives(stage)
            if not is_cut(text := _read(), whole):
                whole = text
        elif noted and time.monotonic() > since + _QUIET:
            return
        time.sleep(_EVERY)
    while LOCK.exists() and is_cut(text := _read(), whole):
        time.sleep(_STILL)
        if text == _read():  # nobody else writes it
            _put(whole)
            return


def is_cut(text: str, whole: str = "") -> bool:
    """Whether a text is only the beginning of a dvc.lock, of one that has all stages of a ``whole`` one."""
    return not _END.search(text) or not set(_STAGE.findall(whole)) <= set(_STAGE.findall(text))


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
    try:
        if not whole:
            LOCK.unlink(missing_ok=True)
        else:
            try:
                files.write(LOCK, whole)
            except OSError:  # no room for another; the beginning that is there makes some
                LOCK.write_text(whole, encoding="utf-8")
    except OSError as error:
        warn(f"{LOCK} is cut short ({error.strerror}); take the one that git knows: git restore {LOCK}")
    else:
        warn(f"DVC was ended while it wrote {LOCK}; the one before is back")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


if __name__ == "__main__":
    keep(*map(int, sys.argv[1:]))
