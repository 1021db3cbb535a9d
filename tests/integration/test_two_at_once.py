"""Two `dvc repro` in one clone, and two clones on one MLflow store and one DVC cache, all at once."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmarks import pipeline
from tests import calls

pytestmark = pytest.mark.slow

OUTPUTS = ("dvc.lock", "reports", "data")


def clone(folder: Path, cache: Path, store: str) -> tuple[list[str], dict[str, str]]:
    """Make a tiny clone whose DVC cache is another folder; returns `dvc repro` there, and its environment."""
    folder.mkdir()
    calls.checkout(folder)
    pipeline.make_idle(folder, epochs=3, samples=200)
    pipeline.change_params(folder, {}, experiments=["sine"], threads=1)
    environment = {**pipeline.environment(), "MLFLOW_TRACKING_URI": store}
    subprocess.run(["dvc", "config", "--local", "cache.dir", cache], cwd=folder, env=environment, check=True)
    return ["dvc", "repro"], environment


def start(folder: Path, command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def made(folder: Path) -> dict[str, str]:
    """The sums of what all stages have made."""
    return {
        path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes()).hexdigest()
        for name in OUTPUTS
        for path in sorted([folder / name, *(folder / name).rglob("*")])
        if path.is_file()
    }


def test_none_mixes_or_damages_what_the_others_make(tmp_path):
    (store := tmp_path / "store").mkdir()
    uri, cache = f"sqlite:///{store}/mlflow.db", tmp_path / "cache"
    here, there = tmp_path / "here", tmp_path / "there"
    command, environment = clone(here, cache, uri)
    clone(there, cache, uri)

    first, other = (start(folder, command, environment) for folder in (here, there))
    second = start(here, command, environment)
    said = [process.communicate(timeout=300)[0] for process in (first, other, second)]
    assert other.returncode == 0, said[1]
    # In one clone, DVC lets no two work at the same: who comes second ends, with one line that says so.
    codes = [first.returncode, second.returncode]
    assert 0 in codes, said
    for code, text in zip(codes, (said[0], said[2]), strict=True):
        assert code == 0 or "is busy, it is being blocked by" in text or "Unable to acquire lock" in text

    assert made(here) == made(there)
    for folder in (here, there):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert "Data and pipelines are up to date." in done.stdout + done.stderr
    files = [path for path in (cache / "files" / "md5").rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        assert hashlib.md5(content).hexdigest() == path.parent.name + path.name.removesuffix(".dir")

    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    trainings = [run for run in runs if run.info.run_name == "seed-111"]
    assert trainings
    assert len({run.data.tags["dvc.generator"] for run in trainings}) == 1
    for run in trainings:
        for name in ("loss_d", "loss_g", "d_real", "d_fake"):
            points = client.get_metric_history(run.info.run_id, name)
            assert [point.step for point in points] == [1, 2, 3]
        assert Path(run.info.artifact_uri).is_relative_to(store / "mlruns")
        names = {file.path for file in client.list_artifacts(run.info.run_id, "checkpoints")}
        assert names == {f"checkpoints/epoch-000{epoch}" for epoch in (1, 2, 3)}
    assert any("frechet_distance" in run.data.metrics for run in trainings)
