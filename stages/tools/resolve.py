"""Resolve the conflicts in results after a merge of two branches, so that `dvc repro` can run again.

Resolve parameters and code by hand first. For the pipeline's results, this takes this branch's version, and
for dvc.lock the stages of both branches. Then `dvc repro` takes what it can from DVC's cache and run cache,
and makes the rest.

Reads:
  git                                  the files in conflict, and both versions of them
Writes:
  dvc.lock, reports, data/sources      the files in conflict, and marks them as resolved in git
Example:
  python -m stages.tools.resolve
"""

from pathlib import Path

import yaml
from dvc.utils.serialize import dumps_yaml

from stages.runtime import command, dvc, files, git
from stages.runtime.errors import UserError, counted, listed, say
from stages.runtime.paths import LOCK, SOURCES

_RESULTS = ("reports", SOURCES.as_posix())  # folders with results that are in git, beside dvc.lock
_NAMED = 5  # at most so many files are named in a message
_OURS, _THEIRS = "2", "3"  # git's numbers for the versions of the two branches


def resolve() -> None:
    """Resolve the conflicts in results.

    Raises:
        UserError: there are conflicts in other files.
    """
    versions = _unmerged()
    if by_hand := [path for path in versions if not _is_result(path)]:
        raise UserError(
            f"resolve: first resolve these by hand, and git add them: {listed(by_hand, _NAMED)}; then run "
            "this again for the results"
        )
    for path, there in versions.items():
        if path == LOCK.as_posix() and {_OURS, _THEIRS} <= there:
            files.write(LOCK, _both())
        else:
            git.output("checkout", "--ours" if _OURS in there else "--theirs", "--", path)
        git.output("add", "--", path)
    if LOCK.exists() and files.conflict(LOCK.read_text(encoding="utf-8", errors="replace")) is not None:
        raise UserError(
            f"{LOCK}: contains conflict markers, but git has it as resolved: git checkout HEAD -- {LOCK}"
        )
    say(
        f"resolve: {counted(len(versions), 'file')} resolved"
        + "; now make repro, then git add and commit" * bool(versions)
    )


def _unmerged() -> dict[str, set[str]]:
    """The files in conflict, by their path from this folder, and git's numbers of their versions."""
    versions: dict[str, set[str]] = {}
    for entry in git.output("ls-files", "--unmerged", "-z").split("\0"):
        if entry:
            about, path = entry.split("\t", 1)
            versions.setdefault(path, set()).add(about.split()[2])
    return versions


def _is_result(path: str) -> bool:
    return path == LOCK.as_posix() or any(Path(path).is_relative_to(folder) for folder in _RESULTS)


def _both() -> str:
    """dvc.lock with the stages of both branches; a stage in both is taken from this branch."""
    ours, theirs = (
        yaml.load(git.output("show", f":{version}:./{LOCK}"), dvc.Loader) for version in (_OURS, _THEIRS)
    )
    stages = ours["stages"] | theirs["stages"] | ours["stages"]  # keeps this branch's order
    return str(dumps_yaml({**ours, "stages": stages}))


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(resolve)
