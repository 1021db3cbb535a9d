"""Signals: they end a stage like an error does, so that everything is closed properly; and without delay."""

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

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # signals that end a stage, unless they are ignored
_EVERY = 0.5  # seconds between two checks whether DVC is alive
_signal: int | None = None  # the signal that has come
_deferred = False
_dvc: "Process | None" = None  # the DVC process that runs this stage
_next = 0.0  # time of the next check


def install() -> None:
    """Make SIGTERM, Ctrl-C and the closing of the terminal end this process, wherever it is.

    If DVC runs this process and ends, the process ends as well, at the next call of :func:`stop_requested`
    or :func:`raise_if_stopped`. Nobody would take its outputs any more: DVC removes them before it runs the
    stage again.
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
    """Defer the first signal within the block: the work checks :func:`stop_requested` where it can stop.

    A second signal ends the process at once, in case the work does not get to such a place.
    """
    global _deferred
    _deferred = True
    try:
        yield
    finally:
        _deferred = False
    raise_if_stopped()


def stop_requested(soon: bool = False) -> bool:
    """Whether a signal has come, or DVC has ended, which counts as SIGTERM.

    Args:
        soon: check DVC at this call; by default, it is checked at most every half second.
    """
    global _signal, _next
    if _signal is None and _dvc is not None and (soon or time.monotonic() >= _next):
        _next = time.monotonic() + _EVERY
        if not dvc.lives(_dvc):
            _signal = signal.SIGTERM
    return _signal is not None


def raise_if_stopped() -> None:
    """End here if a signal has come: its exception is lost if it was raised in a destructor or a callback."""
    if stop_requested(soon=True) and not _deferred:
        _stop()


def exit_code() -> int:
    """The exit code for the signal that has come; for SIGINT if none was noticed."""
    return 128 + (_signal or signal.SIGINT)


def exit_now(code: int) -> NoReturn:
    """End this process without Python's cleanup of all modules, which takes half a second."""
    with suppress(OSError):  # nobody reads the output any more, or its disk is full
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _stop() -> NoReturn:
    """End in the way of the signal that has come."""
    if _signal == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(exit_code())


def _handle(number: int, _frame: object) -> None:
    global _signal
    first, _signal = _signal is None, number
    if not (_deferred and first):
        _stop()
