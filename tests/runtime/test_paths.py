import subprocess
import sys

import pytest

from stages.runtime import paths


@pytest.mark.parametrize("inner", ["standalone/tmp1", "tmp1", "tmp1/project"])
def test_a_copy_that_dvc_makes_for_an_experiment_belongs_to_its_repository(tmp_path, monkeypatch, inner):
    copy = tmp_path / ".dvc/tmp/exps" / inner
    copy.mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "link"))
    monkeypatch.chdir(copy)
    assert paths.home() == tmp_path.resolve()
    program = "from stages.runtime.paths import *; print(STORE, OUTBOX, RunFiles('a', 1).checkpoints, CLAIMS)"
    there = tmp_path.resolve()
    path = {"PYTHONPATH": str(paths.Path(__file__).parents[2]), "DVC_ROOT": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", program], env=path, capture_output=True, text=True)
    store, outbox, checkpoints, claims = said.stdout.split()
    assert store == f"sqlite:///{there}/mlflow.db"
    assert (outbox, checkpoints) == (f"{there}/.outbox", f"{there}/.checkpoints/a/seed-1")
    assert claims == ".checkpoints"  # who trains a run in this copy; another copy may train the same one


def test_any_other_folder_belongs_to_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for root in (None, str(tmp_path), str(tmp_path / "other"), ""):
        monkeypatch.delenv("DVC_ROOT", raising=False)
        if root is not None:
            monkeypatch.setenv("DVC_ROOT", root)
        assert paths.home() == paths.Path()


def test_on_windows_one_line_says_what_to_use_instead(root):
    program = "import sys; sys.platform = 'win32'; import stages"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: Windows")
    assert done.stderr.count("\n") == 1
