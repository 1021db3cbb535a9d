"""The commit that a sweep computes, and a clone of it to send to workers."""

import io
import tarfile
import tempfile
from pathlib import Path

from stages.runtime import git
from stages.runtime.errors import UserError

_PARTS = ("params.yaml", "dvc.yaml", "stages")  # results depend on these


def commit() -> str:
    """The hash of the last commit.

    Raises:
        UserError: code or parameters here differ from it, or there is no commit.
    """
    if changed := git.output("status", "--porcelain", "--", *_PARTS):
        names = ", ".join(line.split(maxsplit=1)[1] for line in changed.splitlines())
        raise UserError(f"a sweep computes the last commit; commit these changes first: {names}")
    return git.output("rev-parse", "HEAD")


def archive(expected: str) -> bytes:
    """A tar file of a clone of the last commit, without history; the project in it is at :func:`git.place`.

    Args:
        expected: the hash that the last commit must have.

    Raises:
        UserError: it has another one.
    """
    with tempfile.TemporaryDirectory() as folder:
        git.clone(Path(folder))
        if git.output("-C", folder, "rev-parse", "HEAD") != expected:
            raise UserError("there is a new commit since the sweep began; run it again")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(folder, arcname=".")
        return packed.getvalue()


def is_here(expected: str) -> bool:
    """Whether code and parameters here are still those of the commit ``expected``."""
    try:
        return commit() == expected
    except UserError:
        return False


def holds(path: str) -> bool:
    """Whether a file or folder is in the last commit, and unchanged here."""
    literally = ("--literal-pathspecs",)
    try:
        known = git.output(*literally, "ls-files", "--", path)
    except UserError:  # it is outside the repository
        return False
    return bool(known) and not git.output(*literally, "status", "--porcelain", "--ignored", "--", path)
