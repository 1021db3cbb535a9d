"""Say what a branch does to the runs, as a comment in Markdown for a pull request.

Compares the last commit with the one where the branch began: parameters, scores and pictures, as far as git
has them, so that nothing needs to be computed, or pulled. Reads both commits, and params.yaml. Prints the
comment, or writes it to a file.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from stages.gan.core import params
from stages.runtime import command, files, git, paths
from stages.runtime.errors import UserError

if TYPE_CHECKING:
    from stages.gan.report import changes

_SCORED_BY = ("judge.md5", "data.md5", "networks.", "samples.")  # in run.json, besides parameters
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

    known = _known(Path("params.yaml"))
    try:
        first = git.output("merge-base", "--end-of-options", base, "HEAD")
    except UserError as error:
        shallow = git.output("rev-parse", "--is-shallow-repository") == "true"
        hint = "this clone is shallow: git fetch --unshallow" if shallow else "name a branch or a commit"
        raise UserError(f"comment: {base} and this commit have nothing in common here; {hint}") from error
    last = git.output("rev-parse", "HEAD")
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
    described = ["params.yaml", *(str(folder / "run.json") for folder in folders)]
    about = _diff("params", first, last, described, "--all")
    parameters = {name: both for name, both in about.pop("params.yaml", {}).items() if both[0] != both[1]}

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
            parameters=parameters,
            runs=[_run(folder, scores.get(str(folder / "metrics.json"), {})) for folder in folders],
            primary=_primary(known) if known else {},
            otherwise=frozenset(_otherwise(about)),
            weakness={
                PurePosixPath(path).parts[2]: why
                for path, names in about.items()
                for why in names.get("judge.weakness", ())
                if why is not None
            },
            stale=list(_stale(known)) if known else [],
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


def _run(folder: PurePosixPath, scores: Mapping[str, tuple[Any, Any]]) -> "changes.RunChange":
    from stages.gan.report import changes

    before, after = ({name: both[i] for name, both in scores.items() if both[i] is not None} for i in (0, 1))
    seed = int(folder.name.removeprefix("seed-"))
    return changes.RunChange(folder.parent.name, seed, before or None, after or None)


def _primary(known: params.Params) -> dict[str, str | None]:
    """The score that each experiment names to decide."""
    from stages.gan.report.conditions import PRIMARY_PARAMETER

    return {
        name: params.flatten(experiment).get(PRIMARY_PARAMETER)
        for name, experiment in known.experiments.items()
    }


def _otherwise(about: Mapping[str, Mapping[str, tuple[Any, Any]]]) -> set[str]:
    """Experiments of which not all runs, before and after, are scored alike, by their run.json."""
    from stages.gan.report.conditions import scores_depend_on

    ways: dict[str, set[str]] = {}
    for path, names in about.items():
        for side in zip(*names.values(), strict=True):
            known = {name: value for name, value in zip(names, side, strict=True) if value is not None}
            scored = {
                name: value
                for name, value in known.items()
                if name.startswith(_SCORED_BY) or scores_depend_on(name.removeprefix("parameters."))
            }
            if known:  # else there is no such run
                found = ways.setdefault(PurePosixPath(path).parts[2], set())
                found.add(json.dumps(scored, sort_keys=True))
    return {experiment for experiment, found in ways.items() if len(found) > 1}


def _diff(
    what: str, first: str, last: str, targets: list[str], *options: str
) -> dict[str, dict[str, tuple[Any, Any]]]:
    """What `dvc metrics diff` or `dvc params diff` says of files: by file and name, both values."""
    if not targets:
        return {}  # DVC would take all that there are
    arguments = [what, "diff", "--json", *options, first, last, "--targets", *targets]
    found = json.loads(_output(sys.executable, "-m", "dvc", *arguments) or "{}")
    return {
        path: {name: (both.get("old"), both.get("new")) for name, both in names.items()}
        for path, names in found.items()
    }


def _known(path: Path) -> params.Params | None:
    """The parameters; None where ``custom.py`` needs a package that is not there, as where nothing is run."""
    try:
        return params.load(path)
    except UserError as error:
        if isinstance(error.__cause__, ImportError):
            return None
        raise


def _stale(known: params.Params) -> Iterator[str]:
    """Runs that the parameters list, but whose results are of others, or are not there."""
    from stages.gan.report.conditions import without_null

    for experiment in known.settings.experiments:
        wanted = {"threads": known.settings.threads, **params.flatten(known.experiments[experiment])}
        for seed in known.settings.seeds:
            try:
                found = json.loads(paths.RunFiles(experiment, seed).run.read_text(encoding="utf-8"))
                same = without_null(found["parameters"]) == without_null(json.loads(json.dumps(wanted)))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                same = False
            if not same:
                yield f"{experiment}, seed {seed}"


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
