"""The commit that is computed, and a clone of it to send."""

import io
import tarfile
import tempfile
from pathlib import Path

from stages.runtime import git
from stages.runtime.errors import UserError

_PARTS = ("params.yaml", "dvc.yaml", "stages")  # what results depend on


def commit() -> str:
    """The last commit's name.

    Raises:
        UserError: what is here differs from it in what results depend on, or there is none.
    """
    if changed := git.output("status", "--porcelain", "--", *_PARTS):
        names = ", ".join(line.split(maxsplit=1)[1] for line in changed.splitlines())
        raise UserError(f"a sweep computes the last commit: commit these first: {names}")
    return git.output("rev-parse", "HEAD")


def archive(expected: str) -> bytes:
    """A tar file of a clone of the last commit, without the history; the project is at :func:`git.place`.

    Raises:
        UserError: that is no longer the one that is ``expected``.
    """
    with tempfile.TemporaryDirectory() as folder:
        git.clone(Path(folder))
        if git.output("-C", folder, "rev-parse", "HEAD") != expected:
            raise UserError("there is a new commit since the sweep began: run it again")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(folder, arcname=".")
        return packed.getvalue()


def is_here(expected: str) -> bool:
    """Whether what results depend on is still as that commit has it."""
    try:
        return commit() == expected
    except UserError:
        return False


def holds(path: str) -> bool:
    """Whether the last commit has a file, or a folder, and what is here is as it has it."""
    literally = ("--literal-pathspecs",)
    try:
        known = git.output(*literally, "ls-files", "--", path)
    except UserError:  # it is outside the repository
        return False
    return bool(known) and not git.output(*literally, "status", "--porcelain", "--ignored", "--", path)
