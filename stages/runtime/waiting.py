"""How the threads of an operation wait for each other. This decides how fast a stage is, but changes no byte.

A waiting thread of GNU OpenMP, which PyTorch uses on Linux, first *spins*: it checks in a loop whether there
is work. After some time it sleeps. On an idle machine spinning is faster, as waking a thread takes as long as
a small operation. On a busy one, spinning takes the CPU from the thread that the others wait for, and a
training becomes very slow.
"""

import os
import time
from pathlib import Path
from statistics import median

_VARIABLE = "GOMP_SPINCOUNT"  # how often a thread checks before it sleeps; by default 300,000 times
# Measured in benchmarks/results/waiting.md. On an idle machine nearly as fast as the default; if it becomes
# busy later, several times as fast.
IDLE = 10_000
# On a busy machine 3 to 11 times as fast as the default; on an idle one, four fifths of its speed or more.
BUSY = 1_000
_LOOKS, _PAUSE = 9, 0.005  # checks, and seconds between them: a program that just starts should not count
_LOAD = Path("/proc/loadavg")
_CHOSEN = bool({_VARIABLE, "OMP_WAIT_POLICY"} & os.environ.keys())  # by the user, or by what started this


def settle(threads: int) -> None:
    """Choose how long threads spin, by how busy the machine is now, unless the environment sets it.

    Must be called before PyTorch is imported.

    Args:
        threads: number of threads with which this process will compute.
    """
    if not _CHOSEN and _LOAD.exists():
        os.environ[_VARIABLE] = str(BUSY if is_busy(threads) else IDLE)


def sleep() -> None:
    """Make threads sleep at once, unless the environment sets it; for work that one thread mostly does.

    Must be called before PyTorch is imported.
    """
    if not _CHOSEN:
        os.environ[_VARIABLE] = "0"


def is_busy(threads: int, load: Path = _LOAD) -> bool:
    """Whether other programs leave fewer CPUs to this process than it needs.

    Args:
        threads: number of CPUs that it needs.
        load: Linux's file with the number of threads that are running, or waiting for a CPU.
    """
    others = []
    for _ in range(_LOOKS):
        running = load.read_text().split()[3].partition("/")[0]
        others.append(int(running) - 1)  # without this process, which is running
        time.sleep(_PAUSE)
    return median(others) > max((os.cpu_count() or 1) - threads, 0)
