"""`make repro` on a terminal: stopped by Ctrl-C, and run again."""

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmarks import pipeline
from tests import calls
from tests.integration.test_kills import checkpoints

pytestmark = pytest.mark.slow

SECONDS = 900  # for one command, on a machine that is busy
# Has the terminal send Ctrl-C to what it becomes.
ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A command on a terminal of its own. What it shows is read all the time: else it would wait."""

    def __init__(self, folder: Path, *command: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *command],
            cwd=folder,
            env={**pipeline.environment(), "CI": ""},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def shown(self) -> str:
        """All that is shown until the command ends, without colours."""
        try:
            self.process.wait(timeout=SECONDS)
        finally:
            self.close()
        return re.sub(r"\x1b\[[0-9;]*m", "", self._shown.decode()).replace("\r\n", "\n")

    def close(self) -> None:
        """End what is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        os.close(self._ours)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the other side is closed
            while part := os.read(self._ours, 4096):
                self._shown += part


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """The project with one small training, and its virtual environment."""
    folder = tmp_path_factory.mktemp("project")
    calls.checkout(folder)
    pipeline.make_idle(folder, epochs=200, samples=200)
    calls.change(folder, experiments=["sine"], seeds=[5], state_every=0.1, sine__data__points=640)
    calls.install(folder)
    return folder


def test_ctrl_c_stops_it_and_the_last_lines_say_how_to_go_on(project):
    terminal = Terminal(project, "make", "repro")
    end = time.monotonic() + SECONDS
    while len(checkpoints(project)) < 2 and time.monotonic() < end and terminal.process.poll() is None:
        time.sleep(0.01)
    terminal.press(b"\x03")
    shown = terminal.shown()
    assert terminal.process.returncode != 0
    assert "its checkpoint is kept" in shown
    assert shown.splitlines()[-1] == (
        "repro: stopped; what is done is kept: run `make repro` again, and it goes on from here"
    )
    assert "Traceback" not in shown

    terminal = Terminal(project, "make", "repro")
    shown = terminal.shown()
    assert terminal.process.returncode == 0, shown
    assert "train sine, seed 5: goes on from epoch" in shown
    assert "prepare@sine' didn't change, skipping" in shown
    run, report, after = shown.splitlines()[-3:]
    assert run == "sine, seed 5: see reports/runs/sine/seed-5/samples.png, evolution.gif"
    assert report == "all runs side by side: see reports/README.md"
    assert after.startswith("next: `make ui`")
    for picture in ("samples.png", "evolution.gif"):
        assert (project / "reports/runs/sine/seed-5" / picture).exists()


def test_in_a_fresh_clone_mlflow_has_the_pictures_that_git_has(project, tmp_path):
    """DVC runs the training there, and skips the stage that draws."""
    clone = tmp_path / "clone"
    Terminal(project, "make", "repro").shown()
    pipeline.commit(project)
    subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
    calls.install(clone)
    terminal = Terminal(clone, "make", "repro")
    shown = terminal.shown()
    assert terminal.process.returncode == 0, shown
    assert "Running stage 'train@sine-5'" in shown
    assert "Stage 'plot@sine-5' didn't change, skipping" in shown
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True)
    assert status.stdout == ""
    client = MlflowClient(f"sqlite:///{clone}/mlflow.db")
    experiment = client.get_experiment_by_name("sine")
    (run,) = client.search_runs([experiment.experiment_id], "tags.`dvc.generator` != ''")
    there = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"evolution.gif", "samples.png", "losses.png"} <= there


def test_a_mistake_in_the_parameters_is_the_last_word_but_makes(project):
    path = project / "params.yaml"
    before = path.read_text()
    path.write_text(before.replace("- sine\n", "- snie\n", 1))
    terminal = Terminal(project, "make", "repro")
    shown = terminal.shown()
    path.write_text(before)
    *_, said, made = shown.splitlines()
    assert said.startswith("error: params.yaml: experiments: no block named snie")
    assert made.startswith("make: *** ")
    assert terminal.process.returncode == 2
