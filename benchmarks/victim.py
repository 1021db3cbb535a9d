"""A small training that is disturbed, and what it leaves compared with what it leaves undisturbed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks import pipeline
from stages.gan.core.datasets import Dataset, Split
from stages.runtime.files import md5
from stages.runtime.paths import ExperimentFiles, RunFiles

MNIST = pipeline.ROOT / ExperimentFiles("mnist").dataset
LOSSES = ("loss_d", "loss_g", "d_real", "d_fake")


class Victim:
    """A small training of an experiment, in a folder of its own.

    Args:
        folder: for params.yaml, data and results; an empty one.
        experiment: its name in ``recipes``.
        changes: of its parameters: blocks, or keys of its block ``train``.
        state_every: seconds between two checkpoints.
        recipes: the parameter file that ``changes`` are made to.

    Attributes:
        uri: the address of the MLflow store that it logs to.
        seconds: that it takes undisturbed.
        undisturbed: the sums of what it then leaves.
        as_recorded: what MLflow then holds.
    """

    def __init__(
        self,
        folder: Path,
        experiment: str,
        changes: Mapping[str, Any],
        state_every: float = 10,
        recipes: Path = pipeline.ROOT / "params.yaml",
    ) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored here, children ignore, too
        self.folder = folder
        self.experiment = experiment
        self.files = RunFiles(experiment, 111)
        self.uri = f"sqlite:///{folder}/mlflow.db"
        self._runs: dict[str, int] = {}
        params = yaml.safe_load(recipes.read_text())
        block = params[experiment]
        changed = {**block, **changes, "train": {**block["train"], **changes["train"]}}
        settings = {"threads": 1, "device": "cpu", "state_every": state_every}
        content = {**params, **settings, experiment: changed}
        (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        if experiment == "mnist":
            whole = Dataset.load(MNIST)
            limit = changed["data"]["limit"]
            data = ExperimentFiles(experiment).dataset
            Dataset(*(_first(split, limit) for split in whole.splits)).save(folder / data)
        else:
            self.run("prepare", "--experiment", experiment)
        start = time.time()
        process, _ = self.start()
        if process.wait():
            raise RuntimeError(f"the undisturbed training of {experiment} failed")
        self.seconds = time.time() - start
        self.undisturbed = self.sums()
        self.as_recorded = self.recorded()

    @property
    def outputs(self) -> list[Path]:
        """What DVC removes before a training, and hashes after it."""
        files = self.files
        return [files.generator, files.discriminator, files.previews, files.losses]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its stages."""
        own = {"PYTHONPATH": str(pipeline.ROOT), "MLFLOW_TRACKING_URI": self.uri}
        return {**pipeline.environment(), **own}

    @property
    def training(self) -> list[str]:
        """The command that trains it."""
        return _command("train", "--experiment", self.experiment, "--seed", "111")

    def run(self, stage: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another stage, or a tool."""
        return subprocess.run(
            _command(stage, *arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )

    def start(self) -> tuple[subprocess.Popen[str], list[tuple[float, str]]]:
        """Start the training as DVC does; returns the process, and the lines it prints, with their times."""
        for path in self.outputs:
            (self.folder / path).unlink(missing_ok=True)
        process = subprocess.Popen(
            self.training, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        lines: list[tuple[float, str]] = []

        def read() -> None:
            assert process.stdout is not None
            lines.extend((time.time(), line) for line in process.stdout)

        Thread(target=read, daemon=True).start()
        return process, lines

    def sums(self) -> dict[str, str]:
        """The MD5 sums of all that a finished training leaves."""
        return {str(path): md5(self.folder / path) for path in self.outputs}

    def recorded(self, uri: str = "") -> dict[str, Any]:
        """What MLflow holds of the training that has just finished, and how many runs began since the last.

        The run's status, the points of each loss, with their steps, and the names of all artifacts, from the
        store at its own address or another.
        """
        uri = uri or self.uri
        client = MlflowClient(uri)
        runs = self.runs(client)
        new, self._runs[uri] = len(runs) - self._runs.get(uri, 0), len(runs)
        run = runs[0].info
        return {
            "runs": new,
            "status": run.status,
            "points": {
                name: [(point.step, point.value) for point in client.get_metric_history(run.run_id, name)]
                for name in LOSSES
            },
            "artifacts": sorted(_artifacts(client, run.run_id)),
        }

    def runs(self, client: MlflowClient) -> list[Run]:
        """Its runs in a store, the newest first."""
        experiment = client.get_experiment_by_name(self.experiment)
        order = ["attributes.start_time DESC"]
        return list(client.search_runs([experiment.experiment_id], order_by=order)) if experiment else []


def _command(stage: str, *arguments: str) -> list[str]:
    return [sys.executable, "-u", "-m", f"stages.{stage}", *arguments]


def _artifacts(client: MlflowClient, run_id: str, folder: str | None = None) -> Iterator[str]:
    for file in client.list_artifacts(run_id, folder):
        if file.is_dir:
            yield from _artifacts(client, run_id, file.path)
        else:
            yield file.path.split("+timestamp")[0]  # a picture's name holds when it was drawn, too


def _first(split: Split, limit: int) -> Split:
    assert split.labels is not None
    return Split(split.samples[:limit], split.labels[:limit])
