"""The DVC process that runs this stage, and the repair of a dvc.lock that DVC could not finish writing."""

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

_FOLDER = Path(".dvc/tmp")  # contains DVC's locks
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def process() -> "Process | None":
    """The DVC process that runs this stage, or None if DVC does not run it.

    It is the nearest ancestor of this process that holds a lock on this repository.
    """
    if "DVC_STAGE" not in os.environ:
        return None
    import psutil  # only needed if DVC runs this

    try:
        locks = json.loads((_FOLDER / "rwlock").read_text())
        holders = {lock["pid"] for lock in locks["write"].values()}
        return next((parent for parent in psutil.Process().parents() if parent.pid in holders), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, psutil.Error):
        return None


def lives(process: "Process") -> bool:
    """Whether a process is still running; a zombie, which has ended but was not waited for, is not."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def is_current(stage: str) -> bool:
    """Whether a stage's files are those of dvc.lock, so that DVC runs it only if its code changes.

    Args:
        stage: its name, such as ``plot@sine-1``.
    """
    try:
        entry = yaml.load(LOCK.read_text(encoding="utf-8"), Loader)["stages"][stage]
        sums = {Path(file["path"]): file["md5"] for file in (*entry["deps"], *entry["outs"])}
        known = {path: md5 for path, md5 in sums.items() if not md5.endswith(".dir")}
        return all(files.md5(path) == md5 for path, md5 in known.items())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return False


def copy_lock() -> None:
    """Copy dvc.lock while a stage runs: the file is complete then, as DVC only writes it between stages."""
    with suppress(OSError, UnicodeDecodeError):
        text = LOCK.read_text(encoding="utf-8")
        if _FOLDER.is_dir() and not _is_cut(text):
            files.write(LOCK_COPY, text)


def mend_lock() -> str | None:
    """Restore dvc.lock if it is cut short, because DVC was killed while it wrote the file.

    The last complete file is restored: the copy made by the last stage (:func:`copy_lock`), or else git's.
    Results of later stages are in DVC's run cache. A file that is cut right after a complete stage stays as
    it is: it only lacks stages, and these are in the run cache, too.

    Returns:
        A line that reports the repair, or None if there is no file or it is complete.

    Raises:
        UserError: there is no complete file to restore, or the file has merge conflicts.
    """
    try:
        found = LOCK.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    if files.conflict(found) is not None:
        raise UserError(f"{LOCK}: has merge conflicts; `make resolve` resolves them, and those of reports")
    if not _is_cut(found):
        return None
    for where, text in (("a stage's copy", _copied()), ("git's", _committed())):
        if text and not _is_cut(text):
            files.write(LOCK, text)
            return f"{LOCK}: was cut short, as by a kill of DVC; the last complete one ({where}) is restored"
    raise UserError(
        f"{LOCK}: is cut short, as by a kill of DVC, and git has no complete one; delete it and run again: "
        "finished stages are in DVC's run cache"
    )


def _is_cut(text: str) -> bool:
    """Whether a dvc.lock is incomplete: cut within a line, or before the outputs of its last stage."""
    try:
        *_, last = yaml.load(text, Loader)["stages"].values()
        noted = last["outs"][-1].keys() - {"path", "hash"}  # the MD5 sum comes after these
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
