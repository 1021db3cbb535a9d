"""How a stage ends: by a signal as by an error, so that what must be closed is closed; without delay."""

import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from stages import PARENT, dvc, keeper

if TYPE_CHECKING:
    from psutil import Process

_EVERY = 0.5  # seconds between two looks after DVC
_PATIENCE = 10.0  # seconds for another process to start
_asked: int | None = None  # the signal that has come
_held = False
_dvc: "Process | None" = None  # that runs this stage
_next = 0.0  # when it is looked after again
_kept: int | None = None  # can be read from once dvc.lock is kept


def watch() -> None:
    """Have SIGTERM, Ctrl-C and a terminal that is closed end this process, wherever it is.

    So does the end of DVC, where that runs it, once the work asks: what the stage leaves then would be taken
    by nobody, and removed by DVC before it runs the stage again.
    """
    global _dvc, _kept
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, _end)
    _dvc = dvc.process()
    if _dvc is not None:
        _kept = keeper.start(_dvc)
    elif os.getppid() != PARENT and "DVC_STAGE" in os.environ:  # DVC has just ended
        os.kill(os.getpid(), signal.SIGTERM)


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


def asked(soon: bool = False) -> bool:
    """Whether a signal has come, or DVC is no more, which counts as SIGTERM.

    The latter is told within half a second, or at once: ``soon``.
    """
    global _asked, _next
    if _asked is None and _dvc is not None and (soon or time.monotonic() >= _next):
        _next = time.monotonic() + _EVERY
        if not dvc.lives(_dvc):
            _asked = signal.SIGTERM
    return _asked is not None


def check() -> None:
    """End here if a signal has come: Python drops what it raises in a destructor or a callback."""
    if asked(soon=True) and not _held:
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
    if _kept is not None:  # DVC writes dvc.lock once this stage has ended
        select.select([_kept], [], [], _PATIENCE)
    with suppress(OSError):  # nobody reads them any more, or their disk is full
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _end(number: int, _frame: object) -> None:
    global _asked
    first, _asked = _asked is None, number
    if not (_held and first):
        end()
