"""How a stage ends: by a signal as by an error, so that what must be closed is closed; without delay."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_asked: int | None = None  # the signal that has come
_held = False
_parent: int | None = None  # the process whose end is this one's, too


def watch() -> None:
    """Have SIGTERM, Ctrl-C and a terminal that is closed end this process, wherever it is.

    So does the end of DVC, where DVC has started it, but not before the work asks for signals: what the stage
    leaves then would be taken by nobody, and removed by DVC before it runs the stage again.
    """
    global _parent
    for number in SIGNALS:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, _end)
    _parent = dvc()


def dvc() -> int | None:
    """The id of DVC's process, if it has started this one."""
    return os.getppid() if "DVC_STAGE" in os.environ else None


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
    """Whether a signal has come, or DVC is no more, which counts as SIGTERM."""
    global _asked
    if _asked is None and _parent not in (None, os.getppid()):
        _asked = signal.SIGTERM
    return _asked is not None


def check() -> None:
    """End here if a signal has come: Python drops what it raises in a destructor or a callback."""
    if asked() and not _held:
        end()


def end() -> NoReturn:
    """End as the signal that has come asks."""
    if _asked == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(code())


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
