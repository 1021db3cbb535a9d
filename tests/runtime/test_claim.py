import os
import subprocess
import sys

import pytest

from stages.runtime import locks
from stages.runtime.errors import UserError


def test_one_process_at_a_time_works_in_a_folder(root, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE", 0.2)
    folder = tmp_path / ".checkpoints" / "sine" / "seed-1"
    lock = locks.claim(folder, "train sine, seed 1")
    with pytest.raises(UserError, match="train sine, seed 1: another process is already doing this"):
        locks.claim(folder, "train sine, seed 1")
    os.close(lock)
    holder = (
        "import sys, pathlib; from stages.runtime import locks; "
        "locks.claim(pathlib.Path(sys.argv[1]), 'x'); input()"
    )
    command = [sys.executable, "-c", holder, str(folder)]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE) as process:
        process.kill()  # at whatever it is
    os.close(locks.claim(folder, "train sine, seed 1"))


def test_a_folder_in_which_another_process_works_has_one_beside_it_that_is_free(root, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_PATIENCE", 0.1)
    folder = tmp_path / "seed-1" / "key"
    assert [locks.free(folder).name for _ in range(3)] == ["key", "key-2", "key-3"]
    (tmp_path / "file").write_text("")
    assert locks.free(tmp_path / "file" / "key") == tmp_path / "file" / "key"


def test_a_folder_that_cannot_be_made_is_not_claimed(tmp_path):
    (tmp_path / "file").write_text("")
    assert locks.claim(tmp_path / "file" / "seed-1", "train") is None
