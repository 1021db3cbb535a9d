"""Git, as a program."""

import subprocess

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
