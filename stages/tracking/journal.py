"""Journals: what a run logs, written to disk before any of it is sent.

A journal is a folder. ``journal`` contains the records in the order of time: one line for each, with checksum
and JSON. ``files/`` contains the files that they name, and ``sent`` notes how far they are sent. The process
that holds the lock on ``journal`` writes the records: it logs the run, or ends the journal of a process that
has died. The process that holds the lock on ``lock`` sends them.
"""

import errno
import os
import shutil
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stages.runtime import locks
from stages.runtime.errors import warn
from stages.tracking.messages import Damaged, End, Finish, Message, Resume, Start, decode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LINE = b"%08x %s\n"
_TAIL = 4096  # bytes at the end of a journal that contain its last two records


class Journal:
    """A journal that this process writes. Meanwhile it holds a lock, which shows that the process is alive.

    A full disk raises no exception: a warning is printed once, records stay in memory until one can be
    written, and files are left out.

    Args:
        folder: the journal's folder; the journal of a process that has died is continued.
        first: the first record of a new journal.

    Attributes:
        folder: the journal's folder.
        resumed: whether the journal existed.
        found: its records when it was opened.
    """

    def __init__(self, folder: Path, first: Start) -> None:
        self.folder = folder
        self.resumed = (folder / "journal").exists()
        self.found: list[Message] = []
        self._pending: list[bytes] = []
        self._warned = False
        self._unsynced: list[Path] = []
        self._file: int | None = None
        self._place = folder
        try:
            if self.resumed:
                self._file = _open(folder)
                found = list(read(folder))
                self.found = [record for record, _ in found]
                os.ftruncate(
                    self._file, found[-1][1] if found else 0
                )  # removes a record that was cut short by a kill
                if not found:
                    self._append(first)
            else:
                self._place = folder.with_name(f".{folder.name}")  # no sender sees it before its first record
                shutil.rmtree(self._place, ignore_errors=True)
                self._place.mkdir(parents=True)
                self._file = _open(self._place)
                self._append(first)
        except OSError as error:
            self._warn(error)

    def append(self, message: Message) -> None:
        """Write a message with the current time."""
        try:
            self._append(replace(message, time=now()))
        except OSError as error:
            self._warn(error)

    def attach_file(self, path: Path, own: bool) -> str | None:
        """Keep a file as it is now, as a link or a copy.

        Args:
            path: the file.
            own: whether nobody else writes to the file, so that a link is enough.

        Returns:
            Its name in the journal's folder; None if it could not be kept.
        """
        try:
            name = self._name(path.name)
            if own:
                with suppress(OSError):
                    (self._place / name).hardlink_to(path)
                    return self._attached(name)
            shutil.copyfile(path, self._place / name)
        except OSError as error:
            self._warn(error)
            return None
        return self._attached(name)

    def attach_array(self, array: "NDArray[np.uint8]") -> str | None:
        """Keep an array in a file; returns its name in the journal's folder, or None if that failed."""
        import numpy as np

        try:
            name = self._name("array.npy")
            np.save(self._place / name, array)
        except OSError as error:
            self._warn(error)
            return None
        return self._attached(name)

    def flush(self) -> None:
        """Make sure that everything is on disk, even if the machine fails."""
        if self._file is not None:
            with suppress(OSError):
                for path in filter(Path.exists, self._unsynced):  # those that are not sent yet
                    _sync(path)
                os.fsync(self._file)
                _sync(self.folder)
        self._unsynced.clear()

    def close(self) -> None:
        """Write the last record; others may send the rest from now on."""
        if self._file is not None:
            self.append(End())
            os.close(self._file)
            self._file = None

    def _append(self, record: Message) -> None:
        if self._file is None:  # it could not be opened at the start
            return
        self._pending.append(line(record))
        about = os.fstat(self._file)
        if not about.st_nlink:
            raise OSError(errno.ENOENT, "it was removed")
        try:
            block = b"".join(self._pending)
            if os.write(self._file, block) < len(block):
                raise OSError("No space left on device")
        except OSError:
            os.ftruncate(self._file, about.st_size)  # no record is left incomplete
            raise
        self._pending = []
        if self._place != self.folder:
            self._place.rename(self.folder)
            self._place = self.folder

    def _attached(self, name: str) -> str:
        self._unsynced.append(self.folder / name)
        return name

    def _name(self, name: str) -> str:
        folder = self._place / "files" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return f"files/{folder.name}/{name}"

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            reason = f"{error.strerror or error}: {self.folder}"
            warn(f"logged data cannot be written, and may be missing in MLflow: {reason}")
        self._warned = True


def line(record: Message) -> bytes:
    """The line of a record in the file ``journal``."""
    text = record.encode()
    return _LINE % (zlib.crc32(text), text)


def read(folder: Path, start: int = 0) -> Iterator[tuple[Message, int]]:
    """Yield a journal's records from the offset ``start`` on, each with the offset of its end.

    Stops before a record that is cut short. A damaged record is a :class:`Damaged`.
    """
    with suppress(OSError), (folder / "journal").open("rb") as file:
        file.seek(start)
        for text in file:
            if not text.endswith(b"\n"):
                return
            start += len(text)
            content = text[9:-1]
            whole = text == _LINE % (zlib.crc32(content), content)
            yield (decode(content) if whole else Damaged()), start


def is_written(folder: Path) -> bool:
    """Whether a living process writes the journal."""
    try:
        return not locks.is_free(folder / "journal")
    except OSError:
        return False


def last(folder: Path) -> list[Message]:
    """The last few records, without reading a long journal; none if the last one is incomplete."""
    with suppress(OSError, ValueError), (folder / "journal").open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        *lines, rest = file.read().split(b"\n")
        whole = [text[9:] for text in lines if text + b"\n" == _LINE % (zlib.crc32(text[9:]), text[9:])]
        if not rest:
            return [decode(text) for text in whole]
    return []


@contextmanager
def unwritten(folder: Path) -> Iterator[bool]:
    """Whether no process writes the journal; within the block, none can begin to."""
    try:
        file = _open(folder, wait=0, create=False)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        os.close(file)


def mark_killed(folder: Path, wait: float = 0.0) -> None:
    """End the journal of a writer that was killed; its run is KILLED if it was running.

    Args:
        folder: the journal's folder.
        wait: seconds to wait for the lock, which a process that was just killed may still hold.
    """
    if (end := last(folder)) and isinstance(end[-1], End):
        return
    try:
        file = _open(folder, wait)
    except OSError:  # another process writes it
        return
    try:
        found = list(read(folder))
        if not found or isinstance(found[-1][0], End):
            return
        running, skip_if_found = False, False
        for message, _ in found:
            match message:
                case Start():
                    running = message.key == folder.name  # otherwise the run belongs to another journal
                    skip_if_found = message.if_absent_tag is not None
                case Resume():
                    running = True
                case Finish():
                    running = False
        moment = int(1000 * (folder / "journal").stat().st_mtime)
        os.ftruncate(file, found[-1][1])
        if running:
            os.write(file, line(Finish(status="KILLED", time=moment, skip_if_found=skip_if_found)))
        os.write(file, line(End(time=moment)))
    finally:
        os.close(file)


@contextmanager
def sending(folder: Path) -> Iterator[bool]:
    """Whether this process may send the journal within the block; it may not while another process does."""
    try:
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:  # it was removed, or the disk is full
        yield False
        return
    try:
        yield locks.take(file)
    finally:
        os.close(file)


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _open(folder: Path, wait: float = 5.0, create: bool = True) -> int:
    """Open and lock the journal's file; raises OSError if another process holds the lock for too long."""
    return locks.hold_file(folder / "journal", os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0), wait)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
