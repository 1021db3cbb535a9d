"""Paths of all files, relative to the project's folder; ``dvc.yaml`` uses the same.

Files that outlive a run, but are in neither git nor DVC, are in the *home*: the original repository. DVC runs
experiments with ``--temp`` or from its queue in copies of the repository, which it removes afterwards.
"""

import os
from pathlib import Path

_COPIES = Path(".dvc/tmp/exps")  # where DVC makes its copies


def home() -> Path:
    """The repository that DVC has copied to this folder for an experiment; or this folder."""
    repository = os.environ.get("DVC_ROOT")  # the repository where the experiment was started
    if repository and (Path(repository) / _COPIES).resolve() in Path.cwd().parents:
        return Path(repository).resolve()
    return Path()


_HOME = home()

RAW = Path("data/raw")
CODE = Path("data/code")  # by experiment and stage: fingerprints of the pieces (networks, loss, source)
SOURCES = Path("data/sources")  # links to the user's own data, by experiment
RUNS = Path("reports/runs")
REPORT = Path("reports/README.md")
SUMMARY = Path("reports/summary.json")
LOSSES_TABLE = Path("reports/plots/losses.csv")
SCORES_TABLE = Path("reports/plots/scores.csv")
CLAIMS = Path(".checkpoints")  # a folder for each run, locked by the process that trains it
CHECKPOINTS = _HOME / CLAIMS  # checkpoints of trainings, and the ends of finished ones
STORE = f"sqlite:///{_HOME / 'mlflow.db'}"
OUTBOX = _HOME / ".outbox"  # messages that were not sent to MLflow yet
LOCK = Path("dvc.lock")
LOCK_COPY = Path(".dvc/tmp/dvc.lock")  # copy of the last complete one


class ExperimentFiles:
    """Paths of what all runs of an experiment share: data, judges, and the reference for scores."""

    def __init__(self, experiment: str) -> None:
        data, report = Path("data", experiment), RUNS / experiment
        self.code = CODE / experiment
        self.dataset = data / "dataset.safetensors"
        self.dataset_figure = report / "data.png"
        self.judge = data / "judge.safetensors"
        self.reference = data / "reference.safetensors"
        self.judge_scores = report / "judge.json"
        self.judge_figure = report / "judge.png"


class RunFiles:
    """Paths of what belongs to one run: an experiment with a seed."""

    def __init__(self, experiment: str, seed: int) -> None:
        data, report = Path("data", experiment, f"seed-{seed}"), RUNS / experiment / f"seed-{seed}"
        self.generator = data / "generator.safetensors"
        self.discriminator = data / "discriminator.safetensors"
        self.previews = data / "previews.npy"
        self.losses = report / "losses.csv"
        self.animation = report / "evolution.gif"
        self.strip = report / "evolution.png"
        self.samples = data / "samples.npy"
        self.samples_figure = report / "samples.png"
        self.grid = data / "grid.npy"
        self.grid_figure = report / "grid.png"
        self.answers = data / "answers.npy"
        self.coverage = data / "coverage.npy"
        self.scores = report / "metrics.json"
        self.losses_figure = report / "losses.png"
        self.coverage_figure = report / "coverage.png"
        self.run = report / "run.json"
        self.claim = CLAIMS / experiment / f"seed-{seed}"
        self.checkpoints = CHECKPOINTS / experiment / f"seed-{seed}"
