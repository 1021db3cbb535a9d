"""The pipeline's stages: one script each, run by DVC as ``python -m stages.NAME``."""

import os

PARENT = os.getppid()  # before anything that takes time: it may end meanwhile
