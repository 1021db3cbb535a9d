import subprocess
import sys

import pytest

from stages.runtime import paths
from stages.runtime.errors import UserError
from stages.tools import sync
from stages.tracking.store import Store
from tests import calls


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_waits_is_sent_and_what_waits_for_others_is_named(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:secret@127.0.0.1:9")
    with (
        Store(paths.STORE, paths.OUTBOX) as store,
        store.start("sine", "seed-1", {}, {}) as run,
    ):
        run.log_metrics({"loss": 1.0})
    with pytest.raises(UserError, match="the messages are kept"):
        sync.sync()
    capfd.readouterr()

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    sync.sync()
    said = capfd.readouterr().out
    assert "3 messages wait for another store: MLFLOW_TRACKING_URI=http://127.0.0.1:9 make sync" in said
    assert "secret" not in said
    assert not (tmp_path / "mlflow.db").exists()

    box = Store(paths.STORE, paths.OUTBOX).outbox
    waiting = next(store.outbox.folder.glob("1*"))
    box.folder.mkdir()
    waiting.rename(box.folder / waiting.name)  # so that something waits for a store that works
    sync.sync()
    assert capfd.readouterr().out == "MLflow: 3 messages of 1 run sent\n"
    sync.sync()
    assert capfd.readouterr().out == "MLflow: nothing waits\n"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sqlite:///mlflow.db", "file is not a database"),
        ("postgresql+psycopg2://ann:secret@127.0.0.1:9/runs", 'server at "127.0.0.1", port 9 failed'),
    ],
)
def test_a_store_that_fails_names_its_reason(tmp_path, monkeypatch, capfd, uri, reason):
    pytest.importorskip("psycopg2")
    (tmp_path / "mlflow.db").write_text("rubbish" * 1000)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with Store(paths.STORE, paths.OUTBOX) as store, store.start("sine", "seed-1", {}, {}):
        pass
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("warning: MLflow at ")
    assert reason in line
    assert "secret" not in line
    with pytest.raises(UserError, match=f"the store fails: .*{reason}.*; the messages are kept"):
        sync.sync()


@pytest.mark.parametrize("command", ["judge --experiment sine", "train --experiment sine --seed 1", "report"])
def test_a_malformed_address_is_reported_before_any_work(root, monkeypatch, command):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "localhost:5000")
    monkeypatch.setenv("PYTHONPATH", str(root))
    stage, *arguments = command.split()
    params = ("--params", str(calls.PARAMS))
    program = [sys.executable, "-m", f"stages.{stage}", *arguments, *params]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: MLFLOW_TRACKING_URI is 'localhost:5000'")
    assert not paths.OUTBOX.exists()
