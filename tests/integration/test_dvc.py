"""DVC's other commands, as docs/dvc.md has them: experiments in copies of the repository, and merges."""

import csv
import io
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks import pipeline
from tests import calls
from tests.integration.test_pipeline import ran, run, run_quietly

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("experiments")
    calls.checkout(folder)
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


def test_two_of_one_seed_are_trained_at_once_and_stand_in_one_table(clone, root):
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
    made = [training for training in trainings(clone) if training.data.tags["dvc.experiment"] != "apart"]
    assert {training.data.tags["dvc.experiment"]: training.data.params["train.lr"] for training in made} == {
        "slow": "0.0005",
        "fast": "0.002",
    }
    assert {training.info.status for training in made} == {"FINISHED"}

    recipe = (root / "Makefile").read_text().split("\nexps: ")[1].splitlines()[1]
    command = shlex.split(recipe.replace(".venv/bin/", "").replace("$$", "$"))
    header, *rows = csv.reader(io.StringIO(run_quietly(clone, *command, "--csv")))
    assert {row[header.index("sine.train.lr")] for row in rows} == {"0.001", "0.0005", "0.002"}
    assert "sine.energy_distance" in header
    assert not any("/" in name or name.endswith(".yaml") for name in header)
    assert len(header) < 30


def test_after_a_merge_of_two_branches_with_results_the_report_alone_is_made(clone):
    def results(branch: str, seeds: list[int]) -> None:
        run(clone, "git", "checkout", "--quiet", branch)
        pipeline.change_params(clone, {}, seeds=seeds)
        run(clone, "dvc", "repro")
        run(clone, "git", "add", "--all")
        run(clone, "git", "commit", "--quiet", "--message", "results")

    results("main", [5])
    run(clone, "git", "branch", "other")
    results("main", [5, 7])
    results("other", [5, 6])
    run(clone, "git", "checkout", "--quiet", "main")
    merged = subprocess.run(["git", "merge", "other"], cwd=clone, capture_output=True, text=True)
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merged.stdout
    checked = subprocess.run(
        [sys.executable, "-m", "stages.check"], cwd=clone, capture_output=True, text=True
    )
    assert checked.stderr.startswith("error: dvc.lock: has merge conflicts; `make resolve`")
    assert checked.stderr.count("\n") == 1
    run(clone, "git", "checkout", "--quiet", "--ours", "params.yaml")
    pipeline.change_params(clone, {}, seeds=[5, 6, 7])
    run(clone, "git", "add", "params.yaml")
    assert "now make repro" in run(clone, "python", "-m", "stages.tools.resolve")
    assert set(ran(run(clone, "dvc", "repro"))) == {"check", "report"}
    assert "nothing to commit" not in run(clone, "git", "status")
    run(clone, "git", "add", "--all")
    run(clone, "git", "commit", "--quiet", "--message", "merged")
    for seed in (5, 6, 7):
        assert (clone / f"data/sine/seed-{seed}/generator.safetensors").exists()
