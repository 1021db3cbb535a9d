"""The pipeline: one script per stage, run by DVC as ``python -m stages.NAME``, and the packages they use."""

import os
import sys

if sys.platform == "win32":
    sys.exit("error: Windows lacks what this project needs (locks, signals); use Linux in WSL 2, or macOS")

PARENT = os.getppid()  # read at once: during a slow import the parent may end
