"""Files that are whole or not there: what is cut short leaves the file as it was before."""

import errno
import hashlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

_LEFT_OVER = 3600  # seconds after which a file aside that nobody writes to is what a kill has left

_waiting: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("waiting", default=None)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; after the block it takes its place, on disk, in one step.

    After an exception the new file is removed, and ``path`` is as it was. Within :func:`together`, it takes
    its place when that block ends.

    Raises:
        OSError: the file cannot be written; it names ``path``.
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
    """Write a file whole, text as UTF-8; see :func:`replacing`."""
    with replacing(path) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def together() -> Iterator[None]:
    """All files that are replaced within the block take their places at its end; after an exception, none.

    So files that belong together, such as a run's, are all of one run. A signal waits until all have theirs;
    SIGKILL does not. Read none of them within the block.
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
    """Within the block, signals that ask the process to end wait: blocked, another thread would get them."""
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
        os.fsync(folder)  # the new name, too, is on disk
    finally:
        os.close(folder)


def _purge(path: Path) -> None:
    """Remove what a kill has left of earlier writes."""
    for aside in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):  # another process may have been faster
            if aside.suffix[1:].isdigit() and time.time() - aside.stat().st_mtime > _LEFT_OVER:
                aside.unlink()


def _remove(aside: Path) -> None:
    with suppress(OSError):  # what matters is the error on the way
        aside.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path, aside: Path) -> Iterator[None]:
    """Have errors name the file that is meant: a write names none, and the one aside is ours."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, aside, str(aside)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def conflict(text: str) -> int | None:
    """The line, from 1, at which the first conflict begins that a merge has left; None: there is none."""
    lines = text.splitlines()
    begins = (number for number, line in enumerate(lines, 1) if line.startswith("<<<<<<< "))
    ends = any(line.startswith(">>>>>>> ") for line in lines)
    return next(begins, None) if ends else None


def md5(path: Path) -> str:
    """A file's MD5 sum, which is its name in ``dvc.lock``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
