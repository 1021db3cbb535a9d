"""A handful of kills, through the real stage; `make torture` does many more, at random."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmarks import pipeline
from benchmarks.torture import Victim
from stages.gan import state


@pytest.fixture(scope="module")
def victim(tmp_path_factory) -> Victim:
    return Victim(tmp_path_factory.mktemp("victim"), "digits, convolutional", state_every=0.1)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def said(lines: list[tuple[float, str]], pattern: str) -> re.Match | None:
    return re.search(pattern, "".join(line for _, line in list(lines)))


def states(folder: Path) -> list[Path]:
    """The files with states, the oldest first."""
    return sorted(folder.glob(".state/*/*/*/*.state"), key=lambda path: path.stat().st_mtime_ns)


def go_on(victim: Victim) -> tuple[subprocess.Popen[str], list[tuple[float, str]]]:
    """Start the training again, and wait until it has written a state of its own."""
    before = states(victim.folder)[-1].stat().st_mtime_ns
    process, lines = victim.start()
    wait_for(lambda: process.poll() is not None or states(victim.folder)[-1].stat().st_mtime_ns > before)
    wait_for(lambda: said(lines, "goes on from .* ago"))
    return process, lines


def statuses(folder: Path, experiment: str) -> list[str]:
    """Those of the runs in the local store, the newest first."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = client.get_experiment_by_name(experiment)
    return [run.info.status for run in client.search_runs([found.experiment_id])]


def test_a_training_ends_as_if_it_had_never_been_killed(victim, capfd):
    process, _ = victim.start()
    wait_for(lambda: len(states(victim.folder)) == 2)
    assert victim.kill(process, signal.SIGKILL, after=0, write=True)

    # The newest state is damaged as well: the one before it is used, and a line says so.
    newest = states(victim.folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    capfd.readouterr()
    process, lines = go_on(victim)
    assert said(lines, r"train digits, seed 111: goes on from epoch \d+, step \d+ of 44, written ")
    assert f"{newest.name}: a damaged state, skipped" in capfd.readouterr().err
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        wait_for(lambda: said(lines, "its state is kept"))  # noqa: B023
        place = said(lines, r"ends in (epoch \d+, step \d+ of 44|its end);").group(1)
        assert statuses(victim.folder, "digits")[0] == "KILLED"
        process, lines = go_on(victim)
        assert said(lines, "goes on from (.*), written").group(1) == place
    assert process.wait(timeout=120) == 0
    assert victim.sums() == victim.undisturbed
    assert victim.recorded() == victim.as_recorded
    assert not (victim.folder / ".state").exists()
    assert statuses(victim.folder, "digits")[0] == "FINISHED"


def test_another_training_does_not_go_on_from_the_state_of_a_killed_one(victim):
    process, _ = victim.start()
    wait_for(lambda: states(victim.folder))
    process.kill()
    process.wait()
    params = victim.folder / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("ema: 0.9", "ema: 0.8"))
    process, lines = victim.start()
    wait_for(lambda: len({path.parent for path in states(victim.folder)}) == 2)  # it has begun
    assert said(lines, "epochs of 44 steps on cpu")
    process.kill()
    process.wait()
    assert not said(lines, "goes on")
    params.write_text(before)


def test_two_trainings_of_the_same_in_one_folder_are_refused(victim):
    lock = state.claim(victim.folder / victim.files.states, "test")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "stages.train", "--experiment", "digits", "--seed", "111"],
            cwd=victim.folder,
            env={**pipeline.environment(), "PYTHONPATH": str(pipeline.ROOT)},
            capture_output=True,
            text=True,
        )
    finally:
        os.close(lock)
    assert done.returncode == 1
    assert done.stderr.startswith("error: train digits, seed 111: another process is at it in this folder")
    assert len(done.stderr.splitlines()) == 1


def test_dvc_repro_goes_on_after_all_of_it_is_killed(tmp_path):
    pipeline.checkout(tmp_path)
    small = {"epochs": 60, "preview": 16, "image_every": 60, "checkpoint_every": 60}
    changes = {"sine": {"data": {"points": 640}, "train": small}}
    pipeline.change_params(tmp_path, changes, device="cpu", threads=1, state_every=0.1)
    repro = ["dvc", "repro", "--quiet", "train@sine-111"]
    environment = pipeline.environment()
    process = subprocess.Popen(
        repro, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(lambda: len(states(tmp_path)) == 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(repro, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train sine, seed 111: goes on from epoch" in done.stdout
    assert not (tmp_path / ".state").exists()
    assert "data/sine/seed-111/generator.safetensors" in (tmp_path / "dvc.lock").read_text()
