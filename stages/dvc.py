"""The process of DVC that runs this stage, if one does."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil import Process

FOLDER = Path(".dvc/tmp")  # where DVC has its locks


def process() -> "Process | None":
    """It: the nearest ancestor that holds a lock of this repository's; there may be a shell between."""
    if "DVC_STAGE" not in os.environ:
        return None
    import psutil

    try:
        locks = json.loads(Path(os.environ.get("DVC_ROOT", "."), FOLDER, "rwlock").read_text())
        holders = {lock["pid"] for lock in locks["write"].values()}
        return next((parent for parent in psutil.Process().parents() if parent.pid in holders), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, psutil.Error):
        return None


def lives(process: "Process") -> bool:
    """Whether a process has not ended yet; one whose parent has not asked for its end has, too."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
