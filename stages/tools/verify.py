"""Make published results again, from scratch, and compare them with the published ones, file by file.

The last commit is cloned into a temporary folder, with an empty cache. The runs that its params.yaml lists
(or the command line names) are made again there. Your files and your MLflow store are not used or changed.

The exit code is 0 if all bytes are the same. It is also 0 if they cannot be the same, as the published ones
were made on another kind of processor or with other libraries or code, and all scores are within the range of
the published seeds.

Examples:
  python -m stages.tools.verify
  python -m stages.tools.verify --experiment sine digits --seed 111 1 2 3 4
"""

import argparse
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from stages.gan.core import params
from stages.runtime import command, dvc_process, git
from stages.runtime.errors import UserError, listed, say
from stages.tools import published
from stages.tools.published import File, Runs

_NAMED = 5  # at most so many scores are named in a message


def _parser() -> argparse.ArgumentParser:
    parser = command.plain_parser(__doc__)
    which = "which; default: those that params.yaml lists"
    parser.add_argument("--experiment", nargs="+", metavar="NAME", help=which)
    parser.add_argument("--seed", nargs="+", type=command.whole(0, 2**63 - 1), metavar="N", help=which)
    return parser


def verify(wanted: argparse.Namespace) -> None:
    """Make the runs again that the command line names, and compare them.

    Raises:
        UserError: they are not published, cannot be made, or differ without a reason or by too much.
    """
    try:
        git.output("cat-file", "-e", "HEAD:./params.yaml")
    except UserError as error:
        raise UserError(
            "verify: there is no commit with a params.yaml here; run it from the repository's root"
        ) from error
    if git.output("status", "--porcelain"):
        say("verify: this verifies the last commit; changes since then are ignored")
    with tempfile.TemporaryDirectory(prefix="verify-", ignore_cleanup_errors=True) as name:
        before, again = (git.clone(Path(name, which)) for which in ("published", "again"))
        settings = _list(again / "params.yaml", wanted.experiment, wanted.seed)
        experiments, seeds = settings.experiments, settings.seeds
        runs = Runs(before, again, experiments, seeds, everything=not (wanted.experiment or wanted.seed))
        say(f"verify: {', '.join(experiments)}, seed {', '.join(map(str, seeds))}, made again in {again}")
        _make(again)
        _compare(runs, settings.device)


def _list(path: Path, experiments: Sequence[str] | None, seeds: Sequence[int] | None) -> params.Settings:
    """Set the lists in a parameter file to the named experiments and seeds, if any; returns its settings."""
    known = params.load(path)
    for name in experiments or ():
        params.select(known, name, Path(path.name))
    lists = {"experiments": experiments, "seeds": seeds}
    if changed := {key: list(dict.fromkeys(value)) for key, value in lists.items() if value}:
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changed, sort_keys=False))
        known = params.load(path)
    return known.settings


def _make(folder: Path) -> None:
    """Run all stages in a clone, whether they are up to date or not."""
    with dvc_process.elsewhere(folder, "--force") as process:
        code = process.wait()
    if code:
        raise UserError("verify: dvc repro has failed in the clone; see its messages above")


def _compare(runs: Runs, device: str) -> None:
    files = runs.compare()
    for line in published.table(files):
        say(line)
    compared = [file for file in files if file.verdict != "not published"]
    different = [file for file in compared if file.verdict == "differs"]
    if not different:
        say(f"verify: all {len(compared)} files have the published bytes; made again on {_name(device)}")
        return
    where = _where(different, len(compared))
    if not (reasons := runs.reasons()):
        raise UserError(
            f"verify: {where}. They should be the same, as code, parameters, libraries and the kind of "
            "processor are the same (the C library of the published ones is not known; here it is "
            f"{' '.join(platform.libc_ver())}); made again on {_name(device)}"
        )
    for reason in reasons:
        say(f"verify: the bytes may differ: {reason}")
    scores = runs.scores()
    if single := sorted({score.run for score in scores if score.seeds == 1}):
        raise UserError(
            f"verify: {where}; only one seed is published of {single[0]}, so there is no range of scores"
        )
    for line in published.score_table(scores):
        say(line)
    if outside := [score for score in scores if not score.within]:
        named = listed([f"{score.name} of {score.run}" for score in outside], _NAMED)
        raise UserError(
            f"verify: {where}; outside the range of the published seeds: {len(outside)} of {len(scores)} "
            f"scores: {named}. (With N published seeds, chance alone puts a score outside in 2 of N + 1 "
            "cases)"
        )
    say(f"verify: {where}; all {len(scores)} scores are within the range of the published seeds")


def _where(different: Sequence[File], count: int) -> str:
    first = different[0]
    differ = "differs" if len(different) == 1 else "differ"
    return f"{len(different)} of {count} files {differ}, the first in {first.stage}: {first.path}"


def _name(device: str) -> str:
    """The manufacturer's name of the device."""
    from stages.gan.core import devices

    return devices.name(devices.find(device))


if __name__ == "__main__":
    options = _parser().parse_args()
    command.guard(lambda: verify(options))
