"""Locks on files and folders; they end with the process that holds them, however it ends."""

import fcntl
import os
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from stages.runtime.errors import UserError

_PATIENCE = 10.0  # seconds in which another process that works in a folder may end


def hold_file(path: Path, flags: int, seconds: float) -> int:
    """Open a file, and lock it.

    Args:
        path: the file's.
        flags: as of ``os.open``.
        seconds: for which another process that has the lock is waited for.

    Returns:
        The file descriptor, which holds the lock until it is closed.

    Raises:
        BlockingIOError: another process has the lock.
        OSError: it cannot be opened.
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
    """Lock a folder, which is made if it is not there; see :func:`hold_file`."""
    while True:
        path.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # who had it until now has removed it
            return hold_file(path, os.O_RDONLY, seconds)


def is_free(path: Path) -> bool:
    """Whether no process holds the lock on a file that is there.

    Raises:
        OSError: it cannot be opened.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        return take(file, fcntl.LOCK_SH)  # others who ask do not disturb each other
    finally:
        os.close(file)


def take(file: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file unless another process has; where the file system knows no locks, none has."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def claim(folder: Path, what: str) -> int | None:
    """Make sure that no other process works in a folder, until this one ends, however it does.

    One that has just been asked to end is waited for. Where the folder cannot be made or locked, nothing is
    made sure of.

    Returns:
        The file descriptor that holds the lock.

    Raises:
        UserError: another process does; ``what`` says at what.
    """
    try:
        return hold_folder(folder, _PATIENCE)
    except BlockingIOError as error:
        raise UserError(f"{what}: another process is at it in this folder; wait for it, or end it") from error
    except OSError:
        return None


def free(folder: Path) -> Path:
    """A folder that no other process works in, until this one ends: that one, or one beside it.

    One that has just been asked to end is waited for. Where it cannot be made or locked, it is that one.
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
