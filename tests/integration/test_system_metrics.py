"""Curves of the machine, which MLflow's own variables ask for."""

import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from stages.tracking import journal
from stages.tracking.messages import LogMetrics
from stages.tracking.store import Store

CPU = "system/cpu_utilization_percentage"


@pytest.fixture(autouse=True)
def _often(monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")


def sampled(box: Path) -> int:
    """How often the machine was, by what waits still."""
    return sum(
        CPU in message.metrics
        for folder in box.glob("*/1*/")
        for message, _ in journal.read(folder)
        if isinstance(message, LogMetrics)
    )


def train(uri: str, box: Path, key: str, killed: bool) -> None:
    """Log to a run until the machine was sampled two times more."""
    with Store(uri, box) as store, store.start("sampled", "seed-1", {}, {}, key=key) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        end, before = time.monotonic() + 60, sampled(box)
        while sampled(box) < before + 2 and time.monotonic() < end:
            time.sleep(0.1)
        if killed:
            raise KeyboardInterrupt


def test_a_training_has_curves_of_the_machine_though_its_store_is_away(tmp_path, capfd):
    """And though it was ended, and has gone on."""
    uri = f"sqlite:///{tmp_path}/away/mlflow.db"
    (tmp_path / "away").write_text("")
    box = tmp_path / "box"
    key = Store(uri, box).new_key()
    with pytest.raises(KeyboardInterrupt):
        train(uri, box, key, killed=True)
    train(uri, box, key, killed=False)
    assert "wait in" in capfd.readouterr().out
    (tmp_path / "away").unlink()
    count = sampled(box)
    with Store(uri, box, patient=True) as store:  # as `make sync`: how the machine is now is not the run's
        store.open()
    assert capfd.readouterr().out == ""
    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("sampled").experiment_id])
    assert run.info.status == "FINISHED"
    points = client.get_metric_history(run.info.run_id, CPU)
    assert all(0 <= point.value <= 100 for point in points)
    steps = [point.step for point in points]
    assert len(steps) == count >= 4
    assert steps == sorted(set(steps))


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> str:
    """A store; making one takes seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('database')}/mlflow.db"
    MlflowClient(uri).search_experiments()
    return uri


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false", ""),
        (
            "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING",
            "perhaps",
            "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING value must",
        ),
        ("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "often", "Failed to convert 'often' for MLFLOW_SYSTEM"),
    ],
)
def test_without_the_variable_or_with_a_wrong_one_there_are_none(
    database, tmp_path, monkeypatch, capfd, variable, value, said
):
    monkeypatch.setenv(variable, value)
    with Store(database, tmp_path) as store, store.start("none", "seed-1", {}, {}) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        assert run.run_id
        assert list(MlflowClient(database).get_run(run.run_id).data.metrics) == ["loss"]
    line = f"warning: no metrics of this machine in MLflow: {said}"
    assert capfd.readouterr().err.startswith(line if said else "")


def test_a_run_that_is_made_from_files_has_none(database, tmp_path):
    tag = ("dvc.generator", "abc")
    with Store(database, tmp_path) as store:
        with store.start("files", "seed-1", dict([tag]), {}, if_absent_tag=tag) as run:
            assert run.run_id
        time.sleep(0.5)
        run_id = run.run_id
    assert MlflowClient(database).get_run(run_id).data.metrics == {}
