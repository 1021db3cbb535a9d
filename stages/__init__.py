"""The pipeline: one script a stage, run by DVC as ``python -m stages.NAME``; below it, the rooms it uses."""

import os

PARENT = os.getppid()  # before anything that takes time: it may end meanwhile
