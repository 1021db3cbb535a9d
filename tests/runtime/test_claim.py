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
    with pytest.raises(UserError, match="train sine, seed 1: another process is at it"):
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


def test_a_folder_that_cannot_be_made_is_not_claimed(tmp_path):
    (tmp_path / "file").write_text("")
    assert locks.claim(tmp_path / "file" / "seed-1", "train") is None
