"""Journals: what is logged of a run, on disk before any of it is sent.

A journal is a folder: the records in the order of time (``journal``: a line each, checksum and JSON), the
files that they speak of (``files/``), and how far they are sent (``sent``). Whoever holds the lock on the
records writes them: a process that logs to the run, or one that ends the journal of a process that died.
Whoever holds the lock on ``lock`` sends them.
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
_TAIL = 4096  # bytes in which a journal's last two records are


class Journal:
    """A journal that this process writes; while it does, it holds a lock that says that it lives.

    Nothing here raises where the disk is full: one line says so, records wait in memory for the next that is
    written, and files are left out.

    Args:
        folder: the journal's folder; the one of a process that died is gone on with.
        first: what the first record of a new journal says.
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
                os.ftruncate(self._file, found[-1][1] if found else 0)  # what a kill cut short
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
        """Write a message, with the time of the day."""
        try:
            self._append(replace(message, time=now()))
        except OSError as error:
            self._warn(error)

    def attach_file(self, path: Path, own: bool) -> str | None:
        """Keep a file as it is now, by a link if nobody else writes to it; returns its name here."""
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
        """Keep an array; returns its file's name here."""
        import numpy as np

        try:
            name = self._name("array.npy")
            np.save(self._place / name, array)
        except OSError as error:
            self._warn(error)
            return None
        return self._attached(name)

    def flush(self) -> None:
        """Have all of it on disk, whatever happens to the machine."""
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
        if self._file is None:  # there was no place for it from the start
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
            os.ftruncate(self._file, about.st_size)  # a record is there as a whole or not at all
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
            warn(f"what is logged cannot be kept, MLflow may lack it: {reason}")
        self._warned = True


def line(record: Message) -> bytes:
    """A record as it is written."""
    text = record.encode()
    return _LINE % (zlib.crc32(text), text)


def read(folder: Path, start: int = 0) -> Iterator[tuple[Message, int]]:
    """A journal's records from an offset on, each with the offset of its end.

    Ends before a record that is cut short; a damaged one between others is :class:`Damaged`.
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
    """Whether the process that writes the journal lives."""
    try:
        return not locks.is_free(folder / "journal")
    except OSError:
        return False


def last(folder: Path) -> list[Message]:
    """The last few records, or none where they are not whole: a long journal is not read for them."""
    with suppress(OSError, ValueError), (folder / "journal").open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        *lines, rest = file.read().split(b"\n")
        whole = [text[9:] for text in lines if text + b"\n" == _LINE % (zlib.crc32(text[9:]), text[9:])]
        if not rest:
            return [decode(text) for text in whole]
    return []


@contextmanager
def unwritten(folder: Path) -> Iterator[bool]:
    """Whether nobody writes the journal; nobody begins to within the block."""
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
    """End a journal whose writer was killed: its run is KILLED, if it went on.

    One who has just been killed may hold its lock for ``wait`` more seconds.
    """
    if (end := last(folder)) and isinstance(end[-1], End):
        return
    try:
        file = _open(folder, wait)
    except OSError:  # somebody writes it
        return
    try:
        found = list(read(folder))
        if not found or isinstance(found[-1][0], End):
            return
        running, skip_if_found = False, False
        for message, _ in found:
            match message:
                case Start():
                    running = message.key == folder.name  # else it speaks of another journal's run
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
    """Whether this process may send the journal within the block: nobody else does."""
    try:
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:  # it is gone, or the disk is full
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
    """The journal's file, locked; raises OSError if another process holds the lock for too many seconds."""
    return locks.hold_file(folder / "journal", os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0), wait)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
