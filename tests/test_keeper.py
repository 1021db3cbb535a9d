"""dvc.lock is whole, wherever DVC is killed: here while it writes it, which takes seconds."""

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from zc.lockfile import LockFile

from benchmarks import pipeline
from stages import keeper

ROOT = pipeline.ROOT


def test_what_is_cut_short_is_known_as_such():
    whole = (ROOT / "dvc.lock").read_text()
    assert not keeper.is_cut(whole, "")
    assert not keeper.is_cut(whole, whole)
    assert all(keeper.is_cut(whole[:length], whole) for length in range(0, len(whole), 8179))
    assert all(keeper.is_cut(whole[:length], whole) for length in range(len(whole) - 10, len(whole)))
    assert not keeper.is_cut(f"{whole}  another:\n    cmd: echo\n    params:\n      params.yaml:\n", whole)
    assert keeper.is_cut("", "")


OLD = "schema: '2.0'\nstages:\n  a:\n    cmd: a\n  b:\n    cmd: b\n"
NEW = f"{OLD}  c:\n    cmd: c\n"


class Watched:
    """A keeper at work, and two processes for those of DVC and a stage."""

    def __init__(self) -> None:
        sleep = [sys.executable, "-c", "input()"]
        self.dvc, self.stage = (subprocess.Popen(sleep, stdin=subprocess.PIPE) for _ in range(2))
        keeper.LOCK.write_text(OLD)
        processes = [psutil.Process(process.pid) for process in (self.dvc, self.stage)]
        self.thread = threading.Thread(target=keeper.keep, args=processes)
        self.thread.start()
        time.sleep(0.3)

    def end(self, process: subprocess.Popen, reap: bool = True) -> None:
        process.kill()
        if reap:
            process.wait()
        time.sleep(0.3)

    def write(self, text: str) -> None:
        with keeper.LOCK.open("w") as file:  # in place, as DVC does
            file.write(text)
        time.sleep(0.3)

    def left(self) -> str:
        self.thread.join(10)
        assert not self.thread.is_alive()
        return keeper.LOCK.read_text()


@pytest.fixture
def watched(tmp_path, monkeypatch) -> Iterator[Watched]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(keeper, "_STILL", 2.0)
    monkeypatch.setattr(keeper, "_begin", lambda: None)
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    watched = Watched()
    yield watched
    watched.end(watched.stage)
    watched.end(watched.dvc)
    watched.thread.join(10)


def test_a_stage_hears_that_it_begins(watched, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    ready = keeper.start(psutil.Process(watched.dvc.pid))
    assert select.select([ready], [], [], 60)[0]
    assert os.read(ready, 1) == b""
    assert [child for child in psutil.Process().children() if "stages.keeper" in child.cmdline()]
    os.close(ready)


@pytest.mark.parametrize("reap", [True, False])
@pytest.mark.parametrize("length", [0, 30, len(OLD) - 3])
def test_what_dvc_leaves_half_written_is_put_right(watched, length, reap):
    """Also where nobody has asked yet how DVC ended."""
    watched.end(watched.stage)
    watched.write(NEW[:length])
    watched.end(watched.dvc, reap)
    assert watched.left() == OLD


def test_what_dvc_has_written_stays(watched):
    watched.end(watched.stage)
    watched.write("")
    watched.write(NEW)
    watched.end(watched.dvc)
    assert watched.left() == NEW


def test_it_ends_soon_after_dvc_has_written(watched):
    watched.end(watched.stage)
    watched.write(NEW)
    assert watched.left() == NEW
    assert watched.dvc.poll() is None


def test_what_others_put_there_during_the_stage_is_whole(watched):
    fewer = "schema: '2.0'\nstages:\n  a:\n    cmd: a\n"
    watched.write(fewer)  # git restore, say
    watched.end(watched.dvc)
    assert watched.left() == fewer


def test_what_others_put_there_counts_when_dvc_writes_after_them(watched):
    watched.write("schema: '2.0'\nstages:\n  a:\n    cmd: a\n")
    time.sleep(2.5)
    watched.end(watched.stage)
    watched.write(written := "schema: '2.0'\nstages:\n  a:\n    cmd: a\n  c:\n    cmd: c\n")
    watched.end(watched.dvc)
    assert watched.left() == written


def test_another_dvc_that_is_writing_is_let_finish(watched):
    lock = LockFile(".dvc/tmp/lock")
    watched.end(watched.stage)
    watched.write("")
    watched.end(watched.dvc)
    time.sleep(0.5)
    assert keeper.LOCK.read_text() == ""
    watched.write(NEW)
    lock.close()
    assert watched.left() == NEW


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
        process = subprocess.Popen(
            command,
            cwd=clone,
            env=environment,
            start_new_session=True,
        )
        end = time.monotonic() + 60
        while not 0 < lock.stat().st_size < len(before) / 2:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.001)
        with lock.open() as left:  # the file that DVC writes, not the one that takes its place
            (os.killpg if group else os.kill)(process.pid, number)
            assert process.wait(timeout=30) != 0
            assert keeper.is_cut(left.read(), before)
        while lock.read_text() != before:
            assert time.monotonic() < end
            time.sleep(0.1)

    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert names(clone) == set(yaml.load(before, yaml.CSafeLoader)["stages"])
    assert lock.read_text() != before


def test_a_stage_that_fails_holds_up_nobody_who_reads_what_dvc_says(clone):
    pipeline.change_params(clone, {}, threads=0)
    done = subprocess.run(
        ["dvc", "repro", "--quiet", "check"],
        cwd=clone,
        env=pipeline.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "params.yaml: threads" in done.stderr


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
