"""Calls of the program git."""

import os
import shutil
import subprocess
from pathlib import Path

from stages.runtime.errors import UserError

# A hook of git's has its repository in these, whatever the folder: another one would not be found.
_OF_HOOKS = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
)


def output(*arguments: str, folder: Path | None = None) -> str:
    """Run git with these arguments; returns what it prints, without white space around it.

    Args:
        arguments: git's.
        folder: whose repository is meant; default: this folder's.

    Raises:
        UserError: git fails; the message quotes git's.
    """
    env = None if folder is None else other_repository()
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def clone(folder: Path) -> Path:
    """Clone the last commit of the repository that this folder is in, without its history.

    Args:
        folder: the folder for the clone; it must be empty, or not exist.

    Returns:
        The path in the clone that corresponds to this folder, as the project may be part of a repository.

    Raises:
        UserError: git fails.
    """
    whole = Path(output("rev-parse", "--show-toplevel"))
    # Named explicitly, as git's settings may say otherwise, and removed, so that nothing is pushed back.
    output("clone", "--quiet", "--depth", "1", "--origin", "origin", whole.as_uri(), str(folder))
    output("-C", str(folder), "remote", "remove", "origin")
    return folder / place()


def copy(root: Path, folder: Path, results: bool = False, new: str = ".") -> None:
    """Copy a project's files, as they are now, into a new repository: those of git, and new ones.

    Args:
        root: the project; it may be a part of its repository.
        folder: to copy into; empty.
        results: whether to copy what the pipeline has made, too: reports and dvc.lock.
        new: the folder, in the project, of the files to copy that git neither knows nor ignores.

    Raises:
        UserError: git fails.
    """
    known = output("ls-files", "-z", "--cached", folder=root)
    unknown = output("ls-files", "-z", "--others", "--exclude-standard", "--", new, folder=root)
    for name in filter(None, f"{known}\0{unknown}".split("\0")):
        source, made = root / name, name.startswith("reports/") or name == "dvc.lock"
        if (made and not results) or not (source.is_symlink() or source.is_file()):  # deleted, or a submodule
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / name, follow_symlinks=False)
    output("init", "--quiet", "--initial-branch=main", folder=folder)


def other_repository() -> dict[str, str]:
    """This process's environment, for programs that work in another folder's repository."""
    return {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}


def place() -> str:
    """The path of this folder within its repository, with a slash at the end; "" if it is the top folder.

    Raises:
        UserError: this folder is not in a repository.
    """
    return output("rev-parse", "--show-prefix")
