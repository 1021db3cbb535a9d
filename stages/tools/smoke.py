"""Run the whole pipeline at tiny size, in a copy of the project, to check that every stage works.

The project's files are copied as they are, with changes that are not committed and new files in stages, to a
temporary folder with an empty cache and its own MLflow store. There DVC runs all stages for sine and digits,
with their blocks in params.yaml, but with few epochs, data and samples, on the CPU. Your files, cache and
MLflow store are not used or changed.

The exit code is 0 if all stages work and MLflow has the runs. Otherwise it prints the failed stage's message.

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
_BEGUN = re.compile(r"Running stage '(.+)':$")  # printed by DVC


def smoke(report: Path | None) -> None:
    """Run the pipeline in a copy, and print the result.

    Args:
        report: a file to write the report to, if any.

    Raises:
        UserError: a stage has failed, or a run is missing in MLflow.
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
    """Copy a project to a new repository, and change its params.yaml to a tiny run of two experiments.

    Args:
        root: the project's folder.
        folder: the folder of the copy.
        epochs: epochs of each training.
        samples: number of samples.

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
    """Change the content of a params.yaml so that there is very little to compute, on any machine."""
    content["device"] = "cpu"
    for block in (value for value in content.values() if isinstance(value, dict)):
        block["data"] |= _DATA.get(block["data"]["source"], {})
        block["judge"] |= {"epochs": 1}
        block["train"] |= {"epochs": epochs, **_TRAIN}
        block["train"].pop("from", None)  # the copy has no networks to start from or to score with
        block["sample"] |= {"count": samples}
        scored = block.get("evaluate", {})
        scored |= dict.fromkeys({"primary", "inception", "features"} & scored.keys())


def run(folder: Path) -> dict[str, float]:
    """Run the pipeline of a copy, and print its output; returns the seconds of each stage, in their order.

    Raises:
        UserError: a stage has failed; the message contains the stage's own.
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
    """The number of runs in MLflow; each experiment must have its judge and its training.

    Raises:
        UserError: one of them is missing, or is not finished.
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
    """The smoke run's report: the result, the seconds of each stage, the pipeline's report as plain text."""
    text = re.sub(r"^!\[.*\]\(.*\)\n\n?", "", report, flags=re.MULTILINE)
    text = re.sub(r"\[([^][]*)\]\([^()]*\)", r"\1", text)
    rows = "".join(f"| {name} | {seconds:.1f} |\n" for name, seconds in stages.items())
    parts = (
        f"# Smoke run\n\n{done[0].upper()}{done[1:]}. Bad scores are normal after so few epochs.",
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
        help="write the result and the pipeline's report to this file, as Markdown",
    )
    return parser


if __name__ == "__main__":
    wanted = _parser().parse_args()
    command.guard(lambda: smoke(wanted.report))
