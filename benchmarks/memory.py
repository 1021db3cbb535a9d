"""The greatest resident memory of a stage."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.pipeline import environment


def peak(folder: Path, stage: str, *arguments: str) -> int:
    """Run a stage in a checkout; returns the most bytes of memory that its process had at a time."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}", *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the {stage} stage failed")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
