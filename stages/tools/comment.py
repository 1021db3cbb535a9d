"""Write what a branch changes in the runs: a comment in Markdown for a pull request.

Compares the last commit with the one where the branch began: parameters, scores and pictures. Reads what git
has of both, so nothing is computed or pulled. Files that are not committed yet are not compared; the comment
names them. Prints the comment, or writes it to a file.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from stages.gan.core import params
from stages.runtime import command, files, git, paths
from stages.runtime.errors import UserError

if TYPE_CHECKING:
    from stages.gan.report import changes

_PARAMETERS = Path("params.yaml")
_SHOWN = {"samples.png": "samples", "evolution.png": "evolution"}  # of the pictures of a run


def comment(base: str, addresses: tuple[str, str] | None, report: str | None) -> str:
    """The comment on what has come since ``base``.

    Args:
        base: a branch, or any other revision.
        addresses: of the files there, and of those of the last commit; ``{commit}`` stands for the commit.
            Without them, there are no pictures.
        report: address of the report, likewise.
    """
    from stages.gan.report import changes

    try:
        first = git.output("merge-base", "--end-of-options", base, "HEAD")
    except UserError as error:
        shallow = git.output("rev-parse", "--is-shallow-repository") == "true"
        hint = "this clone is shallow: git fetch --unshallow" if shallow else "name a branch or a commit"
        raise UserError(f"comment: {base} and this commit have nothing in common here; {hint}") from error
    last = git.output("rev-parse", "HEAD")
    known = _known(last)
    before, after = _files(first), _files(last)
    touched = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    changed = {path.parts[2] for path in touched if path.match("reports/runs/*/seed-*/metrics.json")}
    folders = sorted(
        (
            path.parent
            for path in {*before, *after}
            if path.name == "metrics.json" and path.parts[2] in changed
        ),
        key=lambda folder: (folder.parent.name, int(folder.name.removeprefix("seed-"))),
    )
    scores = _diff("metrics", first, last, [str(folder / "metrics.json") for folder in folders], "--all")
    described = [str(_PARAMETERS), *(str(folder / "run.json") for folder in folders)]
    about = _diff("params", first, last, described, "--all")
    parameters = about.pop(str(_PARAMETERS), {})

    def picture(title: str, path: PurePosixPath) -> "changes.Picture":
        assert addresses is not None
        there = [
            f"{address.replace('{commit}', commit)}/{path}" if path in files else None
            for address, commit, files in zip(addresses, (first, last), (before, after), strict=True)
        ]
        return changes.Picture(title, *there)

    pictured = touched if addresses else []
    return changes.markdown(
        changes.Changes(
            base=first[:10],
            head=last[:10],
            parameters={name: both for name, both in parameters.items() if both[0] != both[1]},
            runs=[
                _run(
                    folder,
                    _sides(scores.get(str(folder / "metrics.json"), {})),
                    _sides(about.get(str(folder / "run.json"), {})),
                )
                for folder in folders
            ],
            primary=_primary(known) if known else {},
            weakness={
                PurePosixPath(path).parts[2]: why
                for path, names in about.items()
                for why in names.get("judge.weakness", ())
                if why is not None
            },
            stale=list(_stale(known, last)) if known else [],
            uncommitted=_uncommitted(),
            figures=[
                picture(path.stem.removeprefix("samples-"), path)
                for path in pictured
                if path.match("reports/figures/samples-*.png")
            ],
            pictures=[
                picture(f"{path.parts[-3]}, {path.parts[-2].replace('-', ' ')}: {_SHOWN[path.name]}", path)
                for path in pictured
                if path.match("reports/runs/*/seed-*/*.png") and path.name in _SHOWN
            ],
            report=report.replace("{commit}", last) if report else None,
        )
    )


def _run(
    folder: PurePosixPath,
    scores: tuple[dict[str, Any], dict[str, Any]],
    about: tuple[dict[str, Any], dict[str, Any]],
) -> "changes.RunChange":
    from stages.gan.report import changes

    before, after = scores
    seed = int(folder.name.removeprefix("seed-"))
    return changes.RunChange(folder.parent.name, seed, before or None, after or None, *about)


def _sides(names: Mapping[str, tuple[Any, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file says before and after, without null."""
    before, after = ({name: both[i] for name, both in names.items() if both[i] is not None} for i in (0, 1))
    return before, after


def _primary(known: params.Params) -> dict[str, str | None]:
    """The score that each experiment names to decide."""
    from stages.gan.report.conditions import PRIMARY_PARAMETER

    return {
        name: params.flatten(experiment).get(PRIMARY_PARAMETER)
        for name, experiment in known.experiments.items()
    }


def _diff(
    what: str, first: str, last: str, targets: list[str], *options: str
) -> dict[str, dict[str, tuple[Any, Any]]]:
    """What `dvc metrics diff` or `dvc params diff` says of files: by file and name, both values.

    Both are sorted: DVC lists names in another order each time.
    """
    if not targets:
        return {}  # DVC would take all that there are
    arguments = [what, "diff", "--json", *options, first, last, "--targets", *targets]
    found = json.loads(_output(sys.executable, "-m", "dvc", *arguments) or "{}")
    return {
        path: {name: (both.get("old"), both.get("new")) for name, both in sorted(names.items())}
        for path, names in sorted(found.items())
    }


def _known(commit: str) -> params.Params | None:
    """A commit's parameters; None where ``custom.py`` needs a package that is not installed.

    Raises:
        UserError: its params.yaml is missing or refused.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / _PARAMETERS
        path.write_text(git.output("show", f"{commit}:./{_PARAMETERS}") + "\n", encoding="utf-8")
        try:
            return params.load(path)
        except UserError as error:
            if isinstance(error.__cause__, ImportError):
                return None
            text = str(error).replace(str(path), f"{_PARAMETERS} of commit {commit[:10]}")
            raise UserError(text) from error


def _stale(known: params.Params, commit: str) -> Iterator[str]:
    """Runs that the parameters list, but whose results at a commit are of others, or are not there."""
    from stages.gan.report.conditions import without_null

    for experiment in known.settings.experiments:
        wanted = {"threads": known.settings.threads, **params.flatten(known.experiments[experiment])}
        for seed in known.settings.seeds:
            try:
                run = paths.RunFiles(experiment, seed).run
                found = json.loads(git.output("show", f"{commit}:./{run.as_posix()}"))
                same = without_null(found["parameters"]) == without_null(json.loads(json.dumps(wanted)))
            except (UserError, ValueError, KeyError, TypeError, AttributeError):
                same = False
            if not same:
                yield f"{experiment}, seed {seed}"


def _uncommitted() -> list[str]:
    """Files with parameters or results that differ from the last commit's, or that it lacks."""
    places = ("--", str(_PARAMETERS), str(paths.REPORT.parent))
    listed = git.output("diff", "--name-only", "--relative", "-z", "HEAD", *places)
    listed += "\0" + git.output("ls-files", "--others", "--exclude-standard", "-z", *places)
    return sorted(filter(None, listed.split("\0")))


def _files(commit: str) -> dict[PurePosixPath, str]:
    """The report's files at a commit, and what git calls their content."""
    listed = git.output("ls-tree", "-r", "-z", commit, "--", "reports").split("\0")
    fields = (line.split(maxsplit=3) for line in listed if line)
    return {PurePosixPath(path): content for _, _, content, path in fields}


def _output(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{' '.join(arguments[:4])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = command.plain_parser(__doc__)
    parser.add_argument("--base", required=True, help="the branch that this one is to go to, or a commit")
    parser.add_argument("--base-files", help="address of the files there; {commit} stands for the commit")
    parser.add_argument("--head-files", help="of those of this branch; without both, there are no pictures")
    parser.add_argument("--report", help="address of the report of this branch; {commit} likewise")
    parser.add_argument("--output", type=Path, help="file to write; without one, the comment is printed")
    return parser


def main() -> None:
    """Do what the command line asks for."""
    chosen = _parser().parse_args()
    pair = (chosen.base_files, chosen.head_files)

    def work() -> None:
        text = comment(chosen.base, pair if all(pair) else None, chosen.report)
        if chosen.output is None:
            sys.stdout.write(text)
        else:
            files.write(chosen.output, text)

    command.guard(work)


if __name__ == "__main__":
    main()
