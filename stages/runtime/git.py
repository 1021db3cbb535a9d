"""Git, as a program."""

import subprocess
from pathlib import Path

from stages.runtime.errors import UserError


def output(*arguments: str) -> str:
    """What git prints, without the white space around.

    Raises:
        UserError: it fails; the message has what it says.
    """
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def clone(folder: Path) -> Path:
    """Clone the last commit of the repository that this folder is in, without its history.

    Args:
        folder: to clone into; empty, or not there yet.

    Returns:
        This folder in the clone: the project may be a part of its repository.

    Raises:
        UserError: git fails.
    """
    whole = Path(output("rev-parse", "--show-toplevel"))
    # Its remote is called origin whatever git's settings say, and then none: nothing is to go back.
    output("clone", "--quiet", "--depth", "1", "--origin", "origin", whole.as_uri(), str(folder))
    output("-C", str(folder), "remote", "remove", "origin")
    return folder / place()


def place() -> str:
    """Where in its repository this folder is: its path there, or "" for the whole.

    Raises:
        UserError: it is in none.
    """
    return output("rev-parse", "--show-prefix")
