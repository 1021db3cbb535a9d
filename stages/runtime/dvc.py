"""DVC: the process that runs this stage, and what to do where it was killed while it wrote dvc.lock."""

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stages.runtime import files
from stages.runtime.errors import UserError
from stages.runtime.paths import LOCK, LOCK_COPY

if TYPE_CHECKING:
    from psutil import Process

_FOLDER = Path(".dvc/tmp")  # where DVC has its locks
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def process() -> "Process | None":
    """The nearest ancestor of this process that holds a lock of this repository's: DVC, if it runs this."""
    if "DVC_STAGE" not in os.environ:
        return None
    import psutil  # not needed where no DVC runs this

    try:
        locks = json.loads((_FOLDER / "rwlock").read_text())
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


def copy_lock() -> None:
    """Keep dvc.lock as it is while a stage runs: whole, as DVC writes it when the stage has ended."""
    with suppress(OSError, UnicodeDecodeError):
        text = LOCK.read_text(encoding="utf-8")
        if _FOLDER.is_dir() and not _is_cut(text):
            files.write(LOCK_COPY, text)


def mend_lock() -> str | None:
    """Put the last whole dvc.lock back where DVC, killed while it wrote the file in place, left a part.

    That is the one that the last stage saw, or else git's. What was done since then, DVC has in its run
    cache. A part that ends with a whole stage stays: it only lacks stages, which are in the run cache, too.

    Returns:
        A line that says so, or None: the file is whole, or not there.

    Raises:
        UserError: there is no whole one to put back; or a merge has left conflicts in it.
    """
    try:
        found = LOCK.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    if files.conflict(found) is not None:
        raise UserError(f"{LOCK}: has merge conflicts; `make resolve` mends it, and the reports")
    if not _is_cut(found):
        return None
    for where, text in (("a stage's copy", _copied()), ("git's", _committed())):
        if text and not _is_cut(text):
            files.write(LOCK, text)
            return f"{LOCK}: was cut short, as by a kill of DVC; the last whole one ({where}) is back"
    raise UserError(
        f"{LOCK}: is cut short, as by a kill of DVC, and git has none; delete it, and run it again: what was "
        "done DVC has in its run cache"
    )


def _is_cut(text: str) -> bool:
    """Whether a text is no whole dvc.lock: cut within a line, or before the outputs of its last stage."""
    try:
        *_, last = yaml.load(text, Loader)["stages"].values()
        noted = last["outs"][-1].keys() - {"path", "hash"}  # its md5, which comes after these
    except (yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError):
        return True
    return not (noted and text.endswith("\n"))


def _copied() -> str:
    try:
        return LOCK_COPY.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _committed() -> str:
    command = ["git", "show", f"HEAD:./{LOCK}"]
    try:
        found = subprocess.run(command, capture_output=True, check=True).stdout
        return found.decode(errors="replace")
    except (OSError, subprocess.CalledProcessError):
        return ""
