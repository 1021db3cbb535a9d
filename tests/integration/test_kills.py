"""A handful of kills, through the real stage; `make torture` does many more, at random."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from benchmarks import pipeline
from benchmarks.torture import CASES, TorturedVictim
from stages.gan.training.checkpoints import FINISHED
from stages.runtime import locks
from tests import calls

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def victim(tmp_path_factory) -> TorturedVictim:
    """So many epochs that it does not end before it is killed, where the machine does much else."""
    experiment, changes = CASES["digits, convolutional"]
    changes = {**changes, "train": {**changes["train"], "epochs": 32}}
    return TorturedVictim(tmp_path_factory.mktemp("victim"), experiment, changes, 0.1, calls.PARAMS)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def said(lines: list[tuple[float, str]], pattern: str) -> re.Match | None:
    return re.search(pattern, "".join(line for _, line in list(lines)))


def checkpoints(folder: Path) -> list[Path]:
    """The files with checkpoints of trainings that are not finished, the oldest first."""
    found = [
        path
        for path in folder.glob(".checkpoints/*/*/*/*.checkpoint")
        if not path.parent.name.startswith(FINISHED)
    ]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def only_its_end_is_kept(folder: Path) -> bool:
    """Whether a run has left in .checkpoints what more epochs go on from, and nothing else."""
    kept = [path.parent.name for path in folder.glob(".checkpoints/*/*/*/*")]
    return 1 <= len(kept) <= 2 and kept[0].startswith(FINISHED) and len(set(kept)) == 1


def go_on(victim: TorturedVictim) -> tuple[subprocess.Popen[str], list[tuple[float, str]]]:
    """Start the training again, and wait until it has written a checkpoint of its own."""
    before = checkpoints(victim.folder)[-1].stat().st_mtime_ns
    process, lines = victim.start()
    wait_for(lambda: process.poll() is not None or checkpoints(victim.folder)[-1].stat().st_mtime_ns > before)
    wait_for(lambda: said(lines, "goes on from .* ago"))
    return process, lines


def statuses(folder: Path, experiment: str) -> list[str]:
    """Those of the runs in the local store, the newest first."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = client.get_experiment_by_name(experiment)
    return [run.info.status for run in client.search_runs([found.experiment_id])]


def test_a_training_ends_as_if_it_had_never_been_killed(victim, capfd):
    process, _ = victim.start()
    wait_for(lambda: len(checkpoints(victim.folder)) == 2)
    assert victim.kill(process, signal.SIGKILL, after=0, write=True)

    # The newest checkpoint is damaged as well: the one before it is used, and a line says so.
    newest = checkpoints(victim.folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    capfd.readouterr()
    process, lines = go_on(victim)
    assert said(lines, r"train digits, seed 111: goes on from epoch \d+, step \d+ of 44, written ")
    assert f"{newest.name}: a damaged checkpoint, skipped" in capfd.readouterr().err
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        wait_for(lambda: said(lines, "its checkpoint is kept"))  # noqa: B023
        place = said(lines, r"ends in (epoch \d+, step \d+ of 44|its end);").group(1)
        assert statuses(victim.folder, "digits")[0] == "KILLED"
        process, lines = go_on(victim)
        assert said(lines, "goes on from (.*), written").group(1) == place
    assert process.wait(timeout=120) == 0
    assert victim.sums() == victim.undisturbed
    assert victim.recorded() == victim.as_recorded
    assert only_its_end_is_kept(victim.folder)
    assert statuses(victim.folder, "digits")[0] == "FINISHED"


def test_another_training_does_not_go_on_from_the_checkpoint_of_a_killed_one(victim):
    process, _ = victim.start()
    wait_for(lambda: checkpoints(victim.folder))
    process.kill()
    process.wait()
    params = victim.folder / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("ema: 0.9", "ema: 0.8"))
    process, lines = victim.start()
    wait_for(lambda: len({path.parent for path in checkpoints(victim.folder)}) == 2)  # it has begun
    assert said(lines, "epochs of 44 steps on cpu")
    process.kill()
    process.wait()
    assert not said(lines, "goes on")
    params.write_text(before)


def test_two_trainings_of_the_same_in_one_folder_are_refused(victim):
    lock = locks.claim(victim.folder / victim.files.checkpoints, "test")
    try:
        done = subprocess.run(
            victim.training,
            cwd=victim.folder,
            env=victim.environment,
            capture_output=True,
            text=True,
        )
    finally:
        os.close(lock)
    assert done.returncode == 1
    assert done.stderr.startswith("error: train digits, seed 111: another process is already doing this")
    assert len(done.stderr.splitlines()) == 1


def test_a_log_on_a_full_disk_costs_no_training(victim):
    shutil.rmtree(victim.folder / ".checkpoints", ignore_errors=True)
    # Buffered as it is for users: what could not be written is tried again at the end.
    command = [word for word in victim.training if word != "-u"]
    environment = {key: value for key, value in victim.environment.items() if key != "PYTHONUNBUFFERED"}

    def start() -> subprocess.Popen[bytes]:
        with Path("/dev/full").open("w") as full:
            return subprocess.Popen(command, cwd=victim.folder, env=environment, stdout=full, stderr=full)

    process = start()
    wait_for(lambda: len(checkpoints(victim.folder)) == 2)
    process.terminate()
    assert process.wait(timeout=60) == 143
    assert statuses(victim.folder, "digits")[0] == "KILLED"
    assert start().wait(timeout=120) == 0
    assert only_its_end_is_kept(victim.folder)
    assert victim.sums() == victim.undisturbed
    assert victim.recorded() == victim.as_recorded


def test_dvc_repro_goes_on_after_it_is_killed(tmp_path):
    """All of it, or DVC alone: then the stage ends, too, as nobody would take what it leaves."""
    calls.checkout(tmp_path)
    small = {"epochs": 100, "preview": 16, "image_every": 100, "checkpoint_every": 100}
    changes = {"sine": {"data": {"points": 640}, "train": small}}
    pipeline.change_params(tmp_path, changes, device="cpu", threads=1, state_every=0.1)
    repro = ["dvc", "repro", "--quiet", "train@sine-111"]
    environment = pipeline.environment()

    def start() -> subprocess.Popen[bytes]:
        before = {path: path.stat().st_mtime_ns for path in checkpoints(tmp_path)}
        with (tmp_path / "said").open("a") as said:
            process = subprocess.Popen(
                repro, cwd=tmp_path, env=environment, stdout=said, start_new_session=True
            )
        wait_for(lambda: sum(p.stat().st_mtime_ns != before.get(p) for p in checkpoints(tmp_path)) == 2)
        return process

    process = start()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for ended, number in enumerate((signal.SIGKILL, signal.SIGTERM), start=1):
        process = start()
        process.send_signal(number)
        process.wait()
        # Killed, DVC leaves a stage that notices it only a moment later, and writes checkpoints until then.
        wait_for(lambda ended=ended: (tmp_path / "said").read_text().count("ends in epoch") == ended)
    done = subprocess.run(repro, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "train sine, seed 111: goes on from epoch" in done.stdout
    said = (tmp_path / "said").read_text()
    assert said.count("train sine, seed 111: goes on from epoch") == 2
    assert said.count("train sine, seed 111: ends in epoch") == 2
    assert only_its_end_is_kept(tmp_path)
    assert statuses(tmp_path, "sine")[:1] == ["FINISHED"]

    locked = (tmp_path / "dvc.lock").read_text()
    assert "data/sine/seed-111/generator.safetensors" in locked
    again = [*repro, "--force", "--single-item"]
    subprocess.run(again, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (tmp_path / "dvc.lock").read_text() == locked
