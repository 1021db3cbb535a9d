"""An SQLite store in a repository that was copied or moved, and in folders of any name."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from stages.gan.core import weights
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.mlp import MlpGenerator
from stages.runtime import paths
from stages.runtime.errors import UserError
from stages.tools import sync
from stages.tracking import database, models, modules, relocation
from stages.tracking.store import Store
from tests import calls

ON_PURPOSE = (
    "s3://bucket/mlruns/{}",
    "file:///elsewhere/pictures",
    "mlflow-artifacts:/{}",
    "/disk/mlruns/9{}",
)


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Path:
    """A repository with a run, its files, its model and a version of it; and with chosen places."""
    folder = tmp_path_factory.mktemp("first") / "repository"
    folder.mkdir()
    generator = folder / "generator.safetensors"
    network = MlpGenerator(2, [4], (2,), random_generator(7, "generator"))
    weights.save(generator, network, {"experiment": "sine", "seed": 7, "device": "cpu"})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        log("seed-7", generator, {"dvc.generator": "abc"})
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        (run,) = runs(client)
        models.register(client, models.log(client, run.info.run_id, generator, modules.pack(folder)), "sine")
        for number, place in enumerate(ON_PURPOSE, start=2):
            client.create_experiment(f"chosen {number}", place.format(number))
    return folder


def log(name: str, file: Path, tags: dict[str, str]) -> None:
    """Log a file to a run of that name, as in a stage, in the store of this folder."""
    with (
        Store(paths.STORE, paths.OUTBOX) as store,
        store.start("sine", name, tags, {"train.epochs": 1}) as run,
    ):
        run.log_files("checkpoints", file)


def runs(client: MlflowClient) -> list:
    return list(client.search_runs([client.get_experiment_by_name("sine").experiment_id]))


def artifacts(client: MlflowClient) -> dict[str, list[str]]:
    return {
        run.info.run_name: [file.path for file in client.list_artifacts(run.info.run_id, "checkpoints")]
        for run in runs(client)
    }


def noted(folder: Path) -> Iterator[str]:
    """All texts in a store's tables."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield from (value for value in row if isinstance(value, str))


@pytest.fixture
def chosen() -> set[str]:
    return {place.format(number) for number, place in enumerate(ON_PURPOSE, start=2)}


def test_a_copy_has_its_own_artifacts(first, tmp_path, monkeypatch, capfd, chosen):
    copy = tmp_path / "copy"
    shutil.copytree(first, copy)
    before = calls.digest(first)
    monkeypatch.chdir(copy)
    log("seed-8", copy / "generator.safetensors", {})
    with Store(paths.STORE, paths.OUTBOX) as store:  # as `plot` does
        found = store.find("sine", "dvc.generator", "abc")
        found.log_files("checkpoints", copy / "mlflow.db")
    said = capfd.readouterr()
    line = f"{copy}/mlflow.db was copied from {first}; its artifacts are in {copy}/mlruns from now on"
    assert (said.err, said.out) == (f"warning: MLflow's {line}\n", "")
    client = MlflowClient(f"sqlite:///{copy}/mlflow.db")
    generator = "checkpoints/generator.safetensors"
    assert artifacts(client) == {"seed-7": [generator, "checkpoints/mlflow.db"], "seed-8": [generator]}
    assert {run.info.status for run in runs(client)} == {"FINISHED"}
    assert calls.digest(first) == before
    texts = set(noted(copy))
    assert not [text for text in texts if str(first) in text]
    assert texts >= chosen
    assert any(text.startswith(f"{copy}/mlruns/1/models/") for text in texts)


def test_a_copy_without_artifacts_says_where_those_of_earlier_runs_are(first, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    shutil.copy(first / "mlflow.db", tmp_path)
    before = calls.digest(first)
    log("seed-8", first / "generator.safetensors", {})
    assert f"; copy {first}/mlruns there for those of 1 earlier run\n" in capfd.readouterr().err
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    assert artifacts(client)["seed-7"] == []
    shutil.copytree(first / "mlruns", tmp_path / "mlruns", dirs_exist_ok=True)
    assert artifacts(client)["seed-7"] == ["checkpoints/generator.safetensors"]
    assert calls.digest(first) == before


@pytest.fixture
def moved(first, tmp_path) -> Path:
    """The same, in another folder now; where it was is none, and none can be made."""
    before, folder = tmp_path / "before" / "repository", tmp_path / "moved"
    shutil.copytree(first, before)
    relocation.bring_home(database.of(f"sqlite:///{before}/mlflow.db"))
    before.rename(folder)
    before.parent.rmdir()
    before.parent.write_text("")
    return folder


def test_one_that_was_moved_has_its_artifacts_again(moved, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(moved)
    capfd.readouterr()
    sync.sync()
    line = f"was moved from {tmp_path}/before/repository; its artifacts are in {moved}/mlruns from now on\n"
    assert capfd.readouterr() == ("MLflow: nothing waits\n", f"warning: MLflow's {moved}/mlflow.db {line}")
    log("seed-8", moved / "generator.safetensors", {})
    assert capfd.readouterr().err == ""
    generator = ["checkpoints/generator.safetensors"]
    assert artifacts(MlflowClient(f"sqlite:///{moved}/mlflow.db")) == dict.fromkeys(
        ("seed-7", "seed-8"), generator
    )


def test_one_whose_artifacts_are_nowhere_says_what_to_do(moved, tmp_path, monkeypatch, capfd):
    (moved / "mlruns").rename(tmp_path / "lost")
    monkeypatch.chdir(moved)
    log("seed-8", moved / "generator.safetensors", {})
    said = capfd.readouterr()
    place = f"{tmp_path}/before/repository/mlruns, which is not there"
    reason = f"the artifacts of sine belong in {place}: move that folder to {moved}/mlruns, beside mlflow.db"
    assert reason in said.err
    assert "wait in .outbox" in said.out
    with pytest.raises(UserError, match=f"the store fails: .*{place}.*the messages are kept"):
        sync.sync()
    (tmp_path / "lost").rename(moved / "mlruns")
    sync.sync()
    assert len(artifacts(MlflowClient(f"sqlite:///{moved}/mlflow.db"))) == 2


def test_a_generator_of_a_copy_is_registered_there(first, tmp_path, root):
    copy = tmp_path / "parent" / "feature%2Fx"
    shutil.copytree(first, copy)
    run = next((copy / "mlruns" / "1").glob("*/artifacts")).parent.name
    done = subprocess.run(
        [sys.executable, "-m", "stages.tools.register", run, "--name", "copied"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "registered: sine, seed-7, as version 1 of copied" in done.stdout
    (place,) = {text for text in noted(copy) if text.endswith("/artifacts") and "/models/" in text}
    assert place.startswith(f"{relocation.quoted(copy)}/mlruns/1/models/")
    assert list(copy.parent.iterdir()) == [copy]


@pytest.mark.parametrize(
    ("name", "absolute"),
    [("feature%2Fx", True), ("a b?c#d;e&f+g'h\"i%\\j:k\nl%20é日本", False)],  # others: test_database.py
)
def test_a_folder_of_any_name_has_a_store(tmp_path, monkeypatch, capfd, name, absolute):
    folder = tmp_path / "parent" / name
    folder.mkdir(parents=True)
    file = tmp_path / "file"
    file.write_text("content")
    monkeypatch.chdir(tmp_path if absolute else folder)
    if absolute:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    log("seed-7", file, {})
    assert capfd.readouterr() == ("", "")
    assert list((tmp_path / "parent").iterdir()) == [folder]
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        ((status, place),) = connection.execute("SELECT status, artifact_uri FROM runs")
    found = Path(get_artifact_repository(place).download_artifacts("checkpoints/file"))
    assert status == "FINISHED"
    assert found.is_relative_to(folder / "mlruns" / "1")
    assert found.read_text() == "content"
