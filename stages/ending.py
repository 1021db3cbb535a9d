"""SIGTERM ends a stage like an error does, so that what must be closed is closed."""

import signal
import sys

_asked = False


def watch() -> None:
    """Have SIGTERM end this process with exit code 143, from wherever it is."""
    signal.signal(signal.SIGTERM, _end)


def check() -> None:
    """End here if SIGTERM has come: Python drops what a signal raises in a destructor or a callback."""
    if _asked:
        sys.exit(143)


def _end(_signal: int, _frame: object) -> None:
    global _asked
    _asked = True
    sys.exit(143)
