"""The pipeline: one script a stage, run by DVC as ``python -m stages.NAME``; below it, the rooms it uses."""

import os
import sys

if sys.platform == "win32":
    sys.exit("error: Windows has not all that this needs (locks, signals); use Linux in WSL 2, or macOS")

PARENT = os.getppid()  # before anything that takes time: it may end meanwhile
