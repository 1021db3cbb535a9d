import os
import sqlite3
import subprocess
import sys
from contextlib import closing

NAMES = ("sine", "digits", "mnist", "photographs", "ring")


def test_what_is_lost_is_said_in_the_same_order_each_time(tmp_path, root):
    """The names of experiments are in a set, whose order the seed of Python's hashes decides."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
        store.execute("CREATE TABLE experiments (name, experiment_id, artifact_location)")
        store.execute("CREATE TABLE runs (run_uuid, experiment_id, artifact_uri)")
        for number, name in enumerate(NAMES):
            place = f"/nowhere/mlruns/{number}"
            store.execute("INSERT INTO experiments VALUES (?, ?, ?)", [name, number, place])
            run = ["a" * 32, number, f"{place}/{'a' * 32}/artifacts"]
            store.execute("INSERT INTO runs VALUES (?, ?, ?)", run)
    code = "from stages.tracking import relocation; relocation.settle('sqlite:///mlflow.db')"
    texts = []
    for seed in ("1", "2", "3"):
        own = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, check=True)
        texts.append(done.stderr)
    lines = texts[0].splitlines()
    assert len(lines) == len(NAMES)
    assert lines == sorted(lines)
    assert texts == [texts[0]] * 3
