import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from mlflow import MlflowClient

from stages.runtime.files import md5
from stages.tracking.store import Store
from stages.tracking.tags import PROCESS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an MLflow store in it; making one takes seconds, so the tests share it."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def store(folder, monkeypatch) -> Iterator[Store]:
    monkeypatch.chdir(folder)
    address = f"sqlite:///{folder}/mlflow.db"  # MLflow remembers stores by address
    with Store(address, folder / ".outbox") as store:
        yield store


@pytest.fixture
def client(store, folder) -> MlflowClient:
    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def test_a_run_holds_what_was_logged(store, client, folder):
    file = folder / "dataset.bin"
    file.write_bytes(b"data")
    with store.start("sine", "seed-1", {"seed": "1"}, {"train.lr": 0.1}) as run:
        for epoch in (1, 2, 3):
            run.log_metrics({"loss_g": 1 / epoch}, step=epoch)
        run.log_image("preview", np.zeros((8, 8, 3), np.uint8), step=3)
        run.log_files("checkpoints", file)
        run.log_dataset("sine", file)
        run.set_tags({"dvc.generator": "abc"})
    found = client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "seed-1"
    assert found.data.params == {"train.lr": "0.1"}
    assert found.data.tags["seed"] == "1"
    history = client.get_metric_history(run.run_id, "loss_g")
    assert [(m.step, m.value) for m in history] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert [f.path for f in client.list_artifacts(run.run_id, "checkpoints")] == ["checkpoints/dataset.bin"]
    assert client.list_artifacts(run.run_id, "images")
    (logged,) = found.inputs.dataset_inputs
    assert logged.dataset.digest == md5(file) == "8d777f385d3dfec8815d20f7496026dc"


def test_files_in_a_folder_of_the_store_stay_until_they_are_sent(folder, client, monkeypatch):
    monkeypatch.chdir(folder)
    address = f"sqlite:///{folder}/mlflow.db"
    with Store(address, folder / ".outbox") as store, store.start("folder", "seed-1", {}, {}) as run:
        with store.folder() as place:
            path = place / "generator.safetensors"
            path.write_bytes(b"weights")
            run.log_files("checkpoints/epoch-0001", path)
        run_id = run.run_id
        assert not path.parent.exists()  # long before the end
    assert [f.path for f in client.list_artifacts(run_id, "checkpoints/epoch-0001")] == [
        "checkpoints/epoch-0001/generator.safetensors"
    ]
    assert client.get_run(run_id).info.status == "FINISHED"


def test_more_points_than_a_batch_takes_all_arrive(store, client):
    with store.start("many", "seed-1", {}, {}) as run:
        for step in range(2500):
            run.log_metrics({"loss": float(step)}, step=step)
    history = client.get_metric_history(run.run_id, "loss")
    assert [m.step for m in history] == list(range(2500))


def test_the_newest_run_of_a_tag_is_found(store):
    runs = []
    for _ in range(2):
        with store.start("find", "seed-1", {"dvc.generator": "abc"}, {}) as run:
            runs.append(run.run_id)
    assert store.find("find", "dvc.generator", "abc").run_id == runs[-1]
    assert store.find("find", "dvc.generator", "other") is None
    assert store.find("nothing", "dvc.generator", "abc") is None


@pytest.mark.parametrize(
    ("end", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")]
)
def test_a_run_that_dies_says_how_and_keeps_its_points(store, client, end, status):
    runs = []

    def die() -> None:
        with store.start("fail", "seed-1", {}, {}) as run:
            runs.append(run)
            run.log_metrics({"loss": 1.0}, step=1)
            raise end

    with pytest.raises(end):
        die()
    found = client.get_run(runs[0].run_id)
    assert found.info.status == status
    assert found.data.metrics == {"loss": 1.0}


def test_a_run_whose_process_is_killed_is_killed_and_keeps_its_points(client, folder, store, root):
    program = """
import os, pathlib, sys
from stages.tracking.store import Store
store = Store(sys.argv[1], pathlib.Path(".outbox"))
with store.start("killed", "seed-1", {}, {}) as run:
    run.log_metrics({"loss": 1.0}, step=1)
    print(run.run_id, flush=True)
    os.kill(os.getpid(), 9)
"""
    address = f"sqlite:///{folder}/mlflow.db"
    dead = subprocess.Popen(
        [sys.executable, "-c", program, address],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    run_id = dead.stdout.readline().strip()
    assert dead.wait() == -9
    deadline = time.monotonic() + 60
    while client.get_run(run_id).info.status == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.1)
    found = client.get_run(run_id)
    assert found.info.status == "KILLED"
    assert found.data.metrics == {"loss": 1.0}


def test_runs_that_a_machines_end_left_running_are_killed_by_the_next(store, client):
    host = socket.gethostname()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    experiment = client.create_experiment("crash")
    left, former, alive = (
        client.create_run(experiment, tags={tag: f"{host}:{pid}"}).info.run_id
        for tag, pid in ((PROCESS, gone.pid), ("process", gone.pid), (PROCESS, os.getpid()))
    )
    with store.start("crash", "seed-1", {}, {}) as run:
        assert client.get_run(run.run_id).info.status == "RUNNING"
        assert client.get_run(left).info.status == client.get_run(former).info.status == "KILLED"
        assert client.get_run(alive).info.status == "RUNNING"


def test_runs_of_one_seed_are_told_apart_by_their_parameters(store, client):
    runs = []
    for rate, epochs in ((1, 5), (2, 5), (1, 5), (2, 6)):
        params = {"train.lr": rate, "train.epochs": epochs}
        with store.start("apart", "seed-1", {"seed": "1"}, params) as run:
            runs.append(run)
    found = [client.get_run(run.run_id) for run in runs]
    names = ["seed-1", "seed-1, lr 2", "seed-1", "seed-1, lr 2, epochs 6"]
    assert [run.info.run_name for run in found] == names
    with store.start("apart", "it's another", {}, {"train.lr": 3}) as run:
        run.set_tags({"mlflow.runName": "seed-1"})  # as the report names conditions
    assert client.get_run(run.run_id).info.run_name == "seed-1, lr 3"


def test_only_tags_for_people_are_shown(store, client):
    """MLflow's pages leave out those that begin so."""
    with store.start("shown", "seed-1", {"seed": "1"}, {}) as run:
        pass
    tags = client.get_run(run.run_id).data.tags
    assert [tag for tag in tags if not tag.startswith("mlflow.")] == ["seed"]


def test_a_store_that_fails_costs_two_lines_and_nothing_else(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with Store("sqlite:///unused.db", tmp_path) as store:
        with store.start("sine", "seed-1", {}, {}) as run:
            run.log_metrics({"loss": 1.0})
            run.set_tags({"a": "b"})
        store.find("sine", "a", "b").set_tags({"c": "d"})  # it is in the outbox
        assert store.find("sine", "a", "other") is None
        assert run.run_id is None
    said = capfd.readouterr()
    (line,) = said.err.strip().splitlines()
    assert line.startswith("warning: MLflow at http://127.0.0.1:9 failed")
    assert said.out == f"MLflow: 5 messages of 1 run wait in {tmp_path}; `make sync` sends them\n"


def test_the_work_does_not_wait_for_a_store_that_hangs(tmp_path, monkeypatch):
    """A server that takes connections and never answers; only the end waits, as long as MLflow's timeout."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
        store = Store("sqlite:///unused.db", tmp_path)
        with store.start("sine", "seed-1", {}, {}) as run:
            for step in range(200):
                run.log_image("preview", np.zeros((100, 100, 3), np.uint8), step)  # 6 MB: no pipe holds it
        assert store._process.poll() is None  # still trying, while the work is done
        store.close()


def test_a_store_that_was_opened_for_nothing_leaves_nothing(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with Store(f"sqlite:///{folder}/nothing.db", folder / ".outbox") as store:
        store.open()
    assert not (folder / "nothing.db").exists()
