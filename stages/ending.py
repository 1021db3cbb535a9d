"""How a stage ends: by SIGTERM like by an error, so that what must be closed is closed; and without delay."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

_asked: int | None = None  # the signal that has come
_held = False


def watch() -> None:
    """Have SIGTERM and Ctrl-C end this process, with exit code 143 or KeyboardInterrupt, wherever it is."""
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def held() -> Iterator[None]:
    """Within the block the first signal only asks, and the work looks, where it is whole: :func:`asked`.

    A second one ends the process wherever it is, in case that the work does not come so far.
    """
    global _held
    _held = True
    try:
        yield
    finally:
        _held = False
    check()


def asked() -> bool:
    """Whether a signal has come."""
    return _asked is not None


def check() -> None:
    """End here if a signal has come: Python drops what it raises in a destructor or a callback."""
    if asked() and not _held:
        end()


def end() -> NoReturn:
    """End as the signal that has come asks."""
    if _asked == signal.SIGTERM:
        sys.exit(code())
    raise KeyboardInterrupt


def code() -> int:
    """The exit code after the signal that has come; after SIGINT where none was seen to come."""
    return 128 + (_asked or signal.SIGINT)


def leave(code: int) -> NoReturn:
    """End this process now: taking apart all that was imported, as Python does first, takes half a second."""
    with suppress(OSError):  # nobody reads them any more, or their disk is full
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _end(number: int, _frame: object) -> None:
    global _asked
    first, _asked = _asked is None, number
    if not (_held and first):
        end()
