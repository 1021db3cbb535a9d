"""Run the whole pipeline at tiny size, in a copy of the project, to see that every stage works.

The project's files are copied as they are, changes that are not committed and new files in stages included,
into a temporary folder with an empty cache and an MLflow store of its own. There DVC runs all stages for sine
and digits, with the blocks that params.yaml has for them, but few epochs, data and samples, on the CPU.
Nothing here is changed; neither the cache nor MLflow's store is used.

Ends with 0 if all stages have done their work and MLflow has the runs; else with the failed stage's message.

Example:
  python -m stages.tools.smoke --report smoke.md
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stages.gan.core import params
from stages.runtime import command, dvc_process, files, git
from stages.runtime.errors import UserError, say
from stages.runtime.paths import REPORT
from stages.tracking import mlflow_process

EXPERIMENTS, SEED = ("sine", "digits"), 111
_NAMES = " and ".join(EXPERIMENTS)
_EPOCHS, _SAMPLES = 2, 1200
_DATA = {"sine": {"points": 64}, "mnist": {"limit": 320}}  # by source
_TRAIN = {"batch_size": 32, "preview": 16, "image_every": 1, "checkpoint_every": 1}
_COMMITTER = ("-c", "user.name=smoke", "-c", "user.email=smoke@example.invalid", "-c", "commit.gpgsign=false")
_BEGUN = re.compile(r"Running stage '(.+)':$")  # as DVC says it


def smoke(report: Path | None) -> None:
    """Run the pipeline in a copy, and say how it went; write its report into a file, if one is named.

    Raises:
        UserError: a stage has failed, or MLflow lacks a run.
    """
    with tempfile.TemporaryDirectory(prefix="smoke-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        copy(Path(), folder)
        say(f"smoke: {_NAMES}, {_EPOCHS} epochs each, in a copy of what is here: {folder}")
        begun = time.monotonic()
        try:
            stages, recorded = run(folder), _recorded(folder)
        except UserError as error:
            if report is not None:
                files.write(report, f"# Smoke run\n\n{error}\n")
            raise
        done = (
            f"all {len(stages)} stages of {_NAMES} work: {time.monotonic() - begun:.0f} s "
            f"at {_EPOCHS} epochs each; MLflow has {recorded} runs"
        )
        if report is not None:
            files.write(report, _markdown(done, stages, (folder / REPORT).read_text(encoding="utf-8")))
    say(f"smoke: {done}; " + (f"see {report}" if report else "--report FILE keeps the report"))


def copy(root: Path, folder: Path, epochs: int = _EPOCHS, samples: int = _SAMPLES) -> None:
    """Copy a project, as it is, into a new repository, have it list what is run here, and make it tiny.

    Raises:
        UserError: params.yaml has a mistake, or no block for one of the experiments.
    """
    path = Path("params.yaml")
    known = params.load(root / path)
    for name in EXPERIMENTS:
        params.select(known, name, path)
    git.copy(root, folder, new="stages")
    content = yaml.safe_load((folder / path).read_text(encoding="utf-8"))
    shrink(content, epochs, samples)
    content |= {"experiments": [*EXPERIMENTS], "seeds": [SEED]}
    (folder / path).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    git.output("add", "--all", folder=folder)
    git.output(*_COMMITTER, "commit", "--quiet", "--no-verify", "--message", "tiny", folder=folder)


def shrink(content: dict[str, Any], epochs: int = _EPOCHS, samples: int = _SAMPLES) -> None:
    """Change the content of a params.yaml so that there is next to nothing to do, wherever it runs."""
    content["device"] = "cpu"
    for block in (value for value in content.values() if isinstance(value, dict)):
        block["data"] |= _DATA.get(block["data"]["source"], {})
        block["judge"] |= {"epochs": 1}
        block["train"] |= {"epochs": epochs, **_TRAIN}
        block["train"].pop("from", None)  # what this starts from, and networks that score, are not there
        block["sample"] |= {"count": samples}
        scored = block.get("evaluate", {})
        scored |= dict.fromkeys({"primary", "inception", "features"} & scored.keys())


def run(folder: Path) -> dict[str, float]:
    """Run the pipeline of a copy, printing what it prints; returns the stages' seconds, in their order.

    Raises:
        UserError: a stage has failed; with the stage's own message.
    """
    seconds: dict[str, float] = {}
    stage, said, since = "", "", time.monotonic()
    with dvc_process.elsewhere(folder, output=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in map(str.rstrip, process.stdout):
            say(line)
            if begun := _BEGUN.match(line):
                stage, said, since = begun[1], "", time.monotonic()
            elif line and not line.startswith("ERROR: ") and not said.startswith("error: "):
                said = line
            if stage:
                seconds[stage] = time.monotonic() - since
        code = process.wait()
    if code:
        raise UserError(f"smoke: {stage or 'dvc repro'} has failed: {said.removeprefix('error: ')}")
    return seconds


def _recorded(folder: Path) -> int:
    """How many runs MLflow has: of each experiment its judge and its training.

    Raises:
        UserError: it lacks one, or something has not been sent.
    """
    for key, value in mlflow_process.SETTINGS.items():
        os.environ.setdefault(key, value)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.resolve()}/mlflow.db")
    count = 0
    for name in EXPERIMENTS:
        experiment = client.get_experiment_by_name(name)
        runs = client.search_runs([experiment.experiment_id]) if experiment else []
        finished = {run.info.run_name for run in runs if run.info.status == "FINISHED"}
        if lacking := {"judge", f"seed-{SEED}"} - finished:
            raise UserError(f"smoke: MLflow has no finished run {' and '.join(sorted(lacking))} of {name}")
        count += len(runs)
    return count


def _markdown(done: str, stages: Mapping[str, float], report: str) -> str:
    """What is kept: what was done, how long each stage took, and the report, without pictures and links."""
    text = re.sub(r"^!\[.*\]\(.*\)\n\n?", "", report, flags=re.MULTILINE)
    text = re.sub(r"\[([^][]*)\]\([^()]*\)", r"\1", text)
    rows = "".join(f"| {name} | {seconds:.1f} |\n" for name, seconds in stages.items())
    parts = (
        f"# Smoke run\n\n{done[0].upper()}{done[1:]}. Bad scores are no fault: so little is learned.",
        "<details>\n<summary>Seconds of each stage</summary>",
        f"| stage | seconds |\n| --- | --- |\n{rows}",
        "</details>",
        re.sub(r"^#", "##", text, flags=re.MULTILINE),
    )
    return "\n\n".join(parts)


def _parser() -> argparse.ArgumentParser:
    parser = command.plain_parser(__doc__)
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="where to write what was done, and its report, as Markdown",
    )
    return parser


if __name__ == "__main__":
    wanted = _parser().parse_args()
    command.guard(lambda: smoke(wanted.report))
