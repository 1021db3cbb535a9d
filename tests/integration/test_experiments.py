"""DVC's experiments in copies of the repository (`--temp`, `--queue`), which DVC removes afterwards."""

import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks import pipeline
from tests.integration.test_pipeline import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("experiments")
    pipeline.checkout(folder)
    pipeline.make_idle(folder)
    pipeline.change_params(folder, {}, experiments=["sine"], seeds=[5])
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "tiny")
    return folder


def trainings(folder: Path) -> list[Run]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("sine")
    return client.search_runs([experiment.experiment_id], "tags.seed != ''")


def test_what_outlives_a_copy_is_here(clone):
    said = run(clone, "dvc", "exp", "run", "--temp", "--name", "apart")
    assert "see seed-5 of experiment sine in MLflow" in said
    assert not (clone / "reports" / "runs").exists()
    (training,) = trainings(clone)
    assert training.info.status == "FINISHED"
    assert training.data.tags["dvc.experiment"] == "apart"
    assert "energy_distance" in training.data.metrics
    artifacts = MlflowClient(f"sqlite:///{clone}/mlflow.db").list_artifacts(training.info.run_id)
    assert "evolution.gif" in {file.path for file in artifacts}
    assert list((clone / ".checkpoints/sine/seed-5").glob("finished-*"))  # more epochs go on from there
    run(clone, "dvc", "exp", "apply", "apart")
    assert "registered: sine, seed-5" in run(clone, "python", "-m", "stages.tools.register", "sine/seed-5")
    assert "nothing waits" in run(clone, "python", "-m", "stages.tools.sync")
    run(clone, "git", "checkout", "--quiet", ".")
    run(clone, "git", "clean", "--quiet", "-d", "--force")


def test_two_of_one_seed_are_trained_at_once(clone):
    before = {training.info.run_id for training in trainings(clone)}
    for name, lr in (("slow", "0.0005"), ("fast", "0.002")):
        run(clone, "dvc", "exp", "run", "--queue", "--name", name, "-S", f"sine.train.lr={lr}")
    try:
        run(clone, "dvc", "queue", "start", "--jobs", "2")
        end = time.monotonic() + 300
        while (status := run(clone, "dvc", "queue", "status")).count("Success") < 2:
            assert "Failed" not in status, run(clone, "dvc", "queue", "logs", "fast")
            assert time.monotonic() < end, status
            time.sleep(1)
    finally:
        run(clone, "dvc", "queue", "stop", "--kill")
    made = [training for training in trainings(clone) if training.info.run_id not in before]
    assert {training.data.tags["dvc.experiment"]: training.data.params["train.lr"] for training in made} == {
        "slow": "0.0005",
        "fast": "0.002",
    }
    assert {training.info.status for training in made} == {"FINISHED"}
