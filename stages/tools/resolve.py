"""Resolve what a merge of two branches with results has left in conflict, so that `dvc repro` can go on.

Parameters and code are resolved by hand before. Of what the pipeline makes, this branch's version is taken,
and of dvc.lock the stages of both branches. Then `dvc repro` takes from DVC's cache and run cache what is
there, and makes the rest.

Reads:
  git                                  which files are in conflict, and both versions of them
Writes:
  dvc.lock, reports, data/sources      those of them that were; git has them as resolved then
Example:
  python -m stages.tools.resolve
"""

from pathlib import Path

import yaml
from dvc.utils.serialize import dumps_yaml

from stages.runtime import command, dvc, files, git
from stages.runtime.errors import UserError, counted, listed, say
from stages.runtime.paths import LOCK, SOURCES

_RESULTS = ("reports", SOURCES.as_posix())  # folders of what the pipeline makes, beside dvc.lock
_NAMED = 5  # files in a message, at most
_OURS, _THEIRS = "2", "3"  # git's numbers for the versions of the two branches


def resolve() -> None:
    """Resolve the conflicts in results.

    Raises:
        UserError: there are others.
    """
    versions = _unmerged()
    if by_hand := [path for path in versions if not _is_result(path)]:
        raise UserError(
            f"resolve: first resolve by hand, and git add: {listed(by_hand, _NAMED)}; what the pipeline "
            "makes comes after that"
        )
    for path, there in versions.items():
        if path == LOCK.as_posix() and {_OURS, _THEIRS} <= there:
            files.write(LOCK, _both())
        else:
            git.output("checkout", "--ours" if _OURS in there else "--theirs", "--", path)
        git.output("add", "--", path)
    if LOCK.exists() and files.conflict(LOCK.read_text(encoding="utf-8", errors="replace")) is not None:
        raise UserError(
            f"{LOCK}: has marks of a conflict, but git has it as resolved: git checkout HEAD -- {LOCK}"
        )
    say(
        f"resolve: {counted(len(versions), 'file')} resolved"
        + "; now make repro, then git add and commit" * bool(versions)
    )


def _unmerged() -> dict[str, set[str]]:
    """By path below this folder, which versions there are of files in conflict."""
    versions: dict[str, set[str]] = {}
    for entry in git.output("ls-files", "--unmerged", "-z").split("\0"):
        if entry:
            about, path = entry.split("\t", 1)
            versions.setdefault(path, set()).add(about.split()[2])
    return versions


def _is_result(path: str) -> bool:
    return path == LOCK.as_posix() or any(Path(path).is_relative_to(folder) for folder in _RESULTS)


def _both() -> str:
    """dvc.lock with the stages of both branches; of those in both, this one's."""
    ours, theirs = (
        yaml.load(git.output("show", f":{version}:./{LOCK}"), dvc.Loader) for version in (_OURS, _THEIRS)
    )
    stages = ours["stages"] | theirs["stages"] | ours["stages"]  # in the order of this one
    return str(dumps_yaml({**ours, "stages": stages}))


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(resolve)
