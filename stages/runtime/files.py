"""Atomic writing of files: a write that is interrupted leaves the file as it was before."""

import errno
import hashlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

_LEFT_OVER = 3600  # a temporary file unchanged for so many seconds was left by a kill

_waiting: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("waiting", default=None)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; at the end of the block, this file replaces ``path`` in one step.

    It is on disk then. After an exception it is removed, and ``path`` is as it was. Within :func:`together`,
    it replaces ``path`` at the end of that block. Missing parent folders are made.

    Raises:
        OSError: the file cannot be written; the error names ``path``.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    waiting = _waiting.get()
    try:
        with _naming(path, aside):
            path.parent.mkdir(parents=True, exist_ok=True)
            _purge(path)
            yield aside
            with aside.open("rb") as file:
                os.fsync(file.fileno())
            if path.is_dir():
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            if waiting is None:
                _put(aside, path)
            else:
                waiting.append((aside, path))
    except BaseException:
        _remove(aside)
        raise


def write(path: Path, content: bytes | str) -> None:
    """Write a file in one step, text as UTF-8; see :func:`replacing`."""
    with replacing(path) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def together() -> Iterator[None]:
    """Replace all files that are written within the block at its end; after an exception, none of them.

    So files that belong together are all from the same run. Signals other than SIGKILL wait until all files
    are replaced. Do not read these files within the block: they are still the old ones.
    """
    waiting: list[tuple[Path, Path]] = []
    token = _waiting.set(waiting)
    try:
        yield
        with _undisturbed():
            for aside, path in waiting:
                with _naming(path, aside):
                    _put(aside, path)
    finally:
        _waiting.reset(token)
        for aside, _ in waiting:
            _remove(aside)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Defer signals that ask the process to end; if they were blocked, another thread would get them."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
    for number in came[:1]:
        signal.raise_signal(number)


def _put(aside: Path, path: Path) -> None:
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # so that the new name is on disk, too
    finally:
        os.close(folder)


def _purge(path: Path) -> None:
    """Remove temporary files of earlier writes that were killed."""
    for aside in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):  # another process may have removed it
            if aside.suffix[1:].isdigit() and time.time() - aside.stat().st_mtime > _LEFT_OVER:
                aside.unlink()


def _remove(aside: Path) -> None:
    with suppress(OSError):  # the exception being raised matters more
        aside.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path, aside: Path) -> Iterator[None]:
    """Make errors name the wanted file: an error of a write names none, or the temporary file."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, aside, str(aside)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def conflict(text: str) -> int | None:
    """The number, from 1 on, of the line where the first merge conflict begins; None if there is none."""
    lines = text.splitlines()
    begins = (number for number, line in enumerate(lines, 1) if line.startswith("<<<<<<< "))
    ends = any(line.startswith(">>>>>>> ") for line in lines)
    return next(begins, None) if ends else None


def md5(path: Path) -> str:
    """A file's MD5 sum in hexadecimal digits, by which ``dvc.lock`` names it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
