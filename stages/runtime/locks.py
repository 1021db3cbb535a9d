"""Locks on files and folders. A lock ends with the process that holds it, however the process ends."""

import fcntl
import os
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from stages.runtime.errors import UserError

_PATIENCE = 10.0  # seconds to wait for another process in the folder, which may be about to end


def hold_file(path: Path, flags: int, seconds: float) -> int:
    """Open a file, and lock it.

    Args:
        path: the path of the file.
        flags: the flags of ``os.open``.
        seconds: how long to wait if another process has the lock.

    Returns:
        The file descriptor, which holds the lock until it is closed.

    Raises:
        BlockingIOError: another process still has the lock.
        OSError: the file cannot be opened.
    """
    end = time.monotonic() + seconds
    while True:
        file = os.open(path, flags, 0o644)
        with suppress(OSError):  # it may have been removed before it was locked
            if take(file) and os.path.samestat(os.fstat(file), path.stat()):
                return file
        os.close(file)
        if time.monotonic() >= end:
            raise BlockingIOError("another process holds it")
        time.sleep(0.05)


def hold_folder(path: Path, seconds: float) -> int:
    """Lock a folder, and make it first if it does not exist; see :func:`hold_file`."""
    while True:
        path.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # the process that had the lock has removed it
            return hold_file(path, os.O_RDONLY, seconds)


def is_free(path: Path) -> bool:
    """Whether no process holds the lock on an existing file.

    Raises:
        OSError: the file cannot be opened.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return take(file, fcntl.LOCK_SH)  # shared, so that two that check at once do not block each other
    finally:
        os.close(file)


def take(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file; returns False if another process has the lock, also True where locks do not work.

    Args:
        file: the file descriptor.
        kind: ``fcntl.LOCK_EX`` or ``fcntl.LOCK_SH``.
    """
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def claim(folder: Path, what: str) -> int | None:
    """Make sure that no other process works in a folder until this process ends.

    If another process does, it is given some seconds to end.

    Args:
        folder: the folder; it is made if it does not exist.
        what: the work, for the message.

    Returns:
        The file descriptor that holds the lock; None if the folder cannot be made or locked, and so nothing
        is guaranteed.

    Raises:
        UserError: another process works in the folder.
    """
    try:
        return hold_folder(folder, _PATIENCE)
    except BlockingIOError as error:
        raise UserError(
            f"{what}: another process is already doing this in this folder; wait for it, or end it"
        ) from error
    except OSError:
        return None


def free(folder: Path) -> Path:
    """Find a folder that no other process works in, and lock it until this process ends.

    Returns:
        ``folder``, or a folder beside it (``NAME-2``, ``NAME-3``, …) if another process works in ``folder``
        and does not end within some seconds. If no folder can be made or locked, the one tried last.
    """
    place = folder
    for number in count(2):
        try:
            hold_folder(place, _PATIENCE if place == folder else 0)
        except BlockingIOError:
            place = folder.with_name(f"{folder.name}-{number}")
        except OSError:
            break
        else:
            break
    return place
