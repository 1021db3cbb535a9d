"""The greatest resident memory of a stage."""

import subprocess
import sys
from pathlib import Path

from benchmarks.pipeline import environment

# A small process starts the stage, as Linux counts the memory of the one that starts it, too.
_STARTER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(folder: Path, stage: str, *arguments: str) -> int:
    """Run a stage in a checkout; returns the most bytes of memory that its process had at a time."""
    command = [sys.executable, "-c", _STARTER, sys.executable, "-m", f"stages.{stage}", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout) * (1 if sys.platform == "darwin" else 1024)
