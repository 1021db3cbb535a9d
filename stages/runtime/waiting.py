"""How the threads of an operation wait for each other. This decides how fast a stage is, and no byte.

A thread of GNU's OpenMP, which PyTorch uses on Linux, first *spins*: it looks again and again whether there
is work. After some time it sleeps. On a quiet machine spinning is faster, because waking a thread takes as
long as a small operation. On a busy one it takes the CPU from the thread that is waited for, and a training
crawls.
"""

import os
import time
from pathlib import Path
from statistics import median

_VARIABLE = "GOMP_SPINCOUNT"  # how often a thread looks before it sleeps; by default 300,000 times
# As fast as by default on a quiet machine, and where it becomes busy later, several times faster.
_QUIET = 10_000
# On a busy machine nearly as fast as not to spin at all, and on a quiet one far faster.
_BUSY = 1_000
_LOOKS, _PAUSE = 9, 0.005  # seconds: another program that starts or ends does not make a machine busy
_LOAD = Path("/proc/loadavg")
_CHOSEN = bool({_VARIABLE, "OMP_WAIT_POLICY"} & os.environ.keys())  # by the user, or by what started this


def settle(threads: int) -> None:
    """Choose how long threads spin by how busy the machine is now, unless the environment says it.

    Call it before PyTorch is imported.

    Args:
        threads: with which this process will compute.
    """
    if not _CHOSEN and _LOAD.exists():
        os.environ[_VARIABLE] = str(_BUSY if is_busy(threads) else _QUIET)


def sleep() -> None:
    """Have threads sleep at once, unless the environment says otherwise; for what one thread mostly does.

    Call it before PyTorch is imported.
    """
    if not _CHOSEN:
        os.environ[_VARIABLE] = "0"


def is_busy(threads: int, load: Path = _LOAD) -> bool:
    """Whether other programs leave less than so many CPUs to this process.

    Args:
        threads: the CPUs that it needs.
        load: Linux's file that says how many threads run, or wait for a CPU, at the moment.
    """
    others = []
    for _ in range(_LOOKS):
        running = load.read_text().split()[3].partition("/")[0]
        others.append(int(running) - 1)  # this process looks, so it runs
        time.sleep(_PAUSE)
    return median(others) > max((os.cpu_count() or 1) - threads, 0)
