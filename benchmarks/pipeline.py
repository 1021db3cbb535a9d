"""The pipeline from nothing, as it is and with next to no work: what is left of it then is overhead."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from stages.gan.core import params as core_params
from stages.gan.core import portability
from stages.runtime import dvc_process, git
from stages.tools import smoke

ROOT = Path(__file__).parent.parent
# In the environment: who commits, where git knows nobody.
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.invalid"))
}


def checkout(folder: Path, results: bool = False) -> None:
    """Copy the project's files, as they are now, into a new repository in a folder; by default no results."""
    git.copy(ROOT, folder, results)


def commit(folder: Path) -> None:
    """Commit all that is in a repository."""
    for what in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "--message", "as it is now"]):
        subprocess.run(["git", *what], cwd=folder, env=environment() | IDENTITY, check=True)


def change_params(folder: Path, changes: dict[str, dict[str, dict[str, Any]]], **settings: Any) -> None:
    """Change the parameters of a checkout: keys in the experiments' blocks, and settings beside them."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text()) | settings
    for name, blocks in changes.items():
        for block, values in blocks.items():
            params[name][block] |= values
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def make_idle(folder: Path, epochs: int = 1, samples: int = 1000) -> None:
    """Change the parameters of a checkout so that there is next to nothing to do."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    smoke.shrink(params, epochs, samples)
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def compute_as_stages() -> None:
    """Start this program again with the kernels that the stages compute with, unless it has them."""
    settings = core_params.load(ROOT / "params.yaml").settings
    if portability.is_wanted(settings.portable) and not portability.is_limited():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | portability.LIMITS)


def environment() -> dict[str, str]:
    """The environment in which the virtual environment's programs are found, and only the local store."""
    own = dvc_process.environment() | {"PYTHONUNBUFFERED": "1"}
    own.pop("MLFLOW_TRACKING_URI", None)
    return own


def reproduce(folder: Path) -> tuple[float, dict[str, float]]:
    """Run `dvc repro`; returns its seconds in all, and those of each stage as far as DVC says."""
    start = time.perf_counter()
    process = subprocess.Popen(
        ["dvc", "repro"], cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    stages: dict[str, float] = {}
    name, since = "", start
    for line in process.stdout:
        if line.startswith("Running stage"):
            now = time.perf_counter()
            stages[name] = now - since
            name, since = line.split("'")[1], now
    if process.wait():
        raise RuntimeError("dvc repro failed")
    end = time.perf_counter()
    stages[name] = end - since
    stages["start"] = stages.pop("")
    return end - start, stages


def logging_shares(folder: Path) -> dict[str, float]:
    """By experiment, the share of a training's wall time that went into logging, in a checkout's store."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    shares = {}
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id], "metrics.wall_seconds > 0"):
            seconds = run.data.metrics
            shares[experiment.name] = 1 - seconds["training_seconds"] / seconds["wall_seconds"]
    return shares
