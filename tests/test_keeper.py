"""dvc.lock is whole, wherever DVC is killed: here while it writes it, which takes seconds."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from benchmarks import pipeline
from stages import keeper

ROOT = pipeline.ROOT


def test_what_is_cut_short_is_known_as_such():
    whole = (ROOT / "dvc.lock").read_text()
    assert not keeper.is_cut(whole)
    assert not keeper.is_cut(whole, whole)
    assert all(keeper.is_cut(whole[:length], whole) for length in range(0, len(whole), 8179))
    assert all(keeper.is_cut(whole[:length], whole) for length in range(len(whole) - 40, len(whole)))
    new = whole[whole.rindex("\n  check:") + 1 :].replace("check:", "another:")
    assert not keeper.is_cut(whole + new, whole)
    assert keeper.is_cut("")


@pytest.fixture
def clone(tmp_path) -> Path:
    """With a dvc.lock as long as this repository's, so that writing it takes a while."""
    pipeline.checkout(tmp_path)
    shutil.copyfile(ROOT / "dvc.lock", tmp_path / "dvc.lock")
    return tmp_path


def names(folder: Path) -> set[str]:
    return set(yaml.load((folder / "dvc.lock").read_text(), yaml.CSafeLoader)["stages"])


def test_the_last_whole_one_is_back_after_a_kill_in_its_writing(clone):
    lock = clone / "dvc.lock"
    before = lock.read_text()
    environment = pipeline.environment()
    command = ["dvc", "repro", "--quiet", "check"]
    for number, group in ((signal.SIGKILL, True), (signal.SIGKILL, False), (signal.SIGINT, True)):
        pipeline.change_params(clone, {}, state_every=float(number) + group)  # so that the stage runs
        with (clone / "said").open("w") as said:
            process = subprocess.Popen(
                command, cwd=clone, env=environment, stderr=said, start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip
        end = time.monotonic() + 60
        while not 0 < lock.stat().st_size < len(before) / 2:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.001)
        (os.killpg if group else os.kill)(process.pid, number)
        assert process.wait(timeout=30) != 0
        assert keeper.is_cut(lock.read_text(), before)
        while lock.read_text() != before:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert "DVC was ended while it wrote dvc.lock; the one before is back" in (clone / "said").read_text()

    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert names(clone) == set(yaml.load(before, yaml.CSafeLoader)["stages"])
    assert lock.read_text() != before


def test_a_lock_that_a_crash_has_left_half_written_is_told(clone):
    lock = clone / "dvc.lock"
    lock.write_text(lock.read_text()[:50_000])
    done = subprocess.run(
        ["python", "-m", "stages.check"],
        cwd=clone,
        env=pipeline.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: dvc.lock: is cut short")
    assert "git restore dvc.lock" in line
