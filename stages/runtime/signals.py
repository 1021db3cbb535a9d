"""How a stage ends: by a signal as by an error, so that what must be closed is closed; without delay."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from stages import PARENT
from stages.runtime import dvc

if TYPE_CHECKING:
    from psutil import Process

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # what ends a stage, but for what is ignored
_EVERY = 0.5  # seconds between two looks after DVC
_signal: int | None = None  # that has come
_deferred = False
_dvc: "Process | None" = None  # that runs this stage
_next = 0.0  # when it is looked after again


def install() -> None:
    """Have SIGTERM, Ctrl-C and a terminal that is closed end this process, wherever it is.

    So does the end of DVC, where that runs it, once the work asks: what the stage leaves then would be taken
    by nobody, and removed by DVC before it runs the stage again.
    """
    global _dvc
    for number in ENDING:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, _handle)
    _dvc = dvc.process()
    if _dvc is not None:
        dvc.copy_lock()
    elif os.getppid() != PARENT and "DVC_STAGE" in os.environ:  # DVC has just ended
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def deferred() -> Iterator[None]:
    """Within the block the first signal only asks, and the work looks, where it is whole: stop_requested.

    A second one ends the process wherever it is, in case that the work does not come so far.
    """
    global _deferred
    _deferred = True
    try:
        yield
    finally:
        _deferred = False
    raise_if_stopped()


def stop_requested(soon: bool = False) -> bool:
    """Whether a signal has come, or DVC is no more, which counts as SIGTERM.

    The latter is seen within half a second, or at once: ``soon``.
    """
    global _signal, _next
    if _signal is None and _dvc is not None and (soon or time.monotonic() >= _next):
        _next = time.monotonic() + _EVERY
        if not dvc.lives(_dvc):
            _signal = signal.SIGTERM
    return _signal is not None


def raise_if_stopped() -> None:
    """End here if a signal has come: Python drops what it raises in a destructor or a callback."""
    if stop_requested(soon=True) and not _deferred:
        _stop()


def exit_code() -> int:
    """The exit code after the signal that has come; after SIGINT where none was seen to come."""
    return 128 + (_signal or signal.SIGINT)


def exit_now(code: int) -> NoReturn:
    """End this process now: taking apart all that was imported, as Python does first, takes half a second."""
    with suppress(OSError):  # nobody reads them any more, or their disk is full
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _stop() -> NoReturn:
    """End as the signal that has come asks."""
    if _signal == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(exit_code())


def _handle(number: int, _frame: object) -> None:
    global _signal
    first, _signal = _signal is None, number
    if not (_deferred and first):
        _stop()
