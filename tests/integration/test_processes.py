"""A training by two processes, through the real stage, and kills of either."""

import signal
import subprocess
import sys

import psutil
import pytest

from benchmarks.torture import AVERAGED, CONV
from benchmarks.victim import Victim
from tests import calls
from tests.integration.test_kills import checkpoints, go_on, only_its_end_is_kept, said, statuses, wait_for

pytestmark = pytest.mark.slow

TRAIN = {"epochs": 6, **AVERAGED, "processes": 2}


@pytest.fixture(scope="module")
def victim(tmp_path_factory) -> Victim:
    folder = tmp_path_factory.mktemp("victim")
    return Victim(folder, "digits", {**CONV, "train": TRAIN}, 0.1, calls.PARAMS)


def workers(process: subprocess.Popen) -> list[psutil.Process]:
    """The processes that train with one."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "stages.train" in child.cmdline()]


def ended(found: list[psutil.Process]) -> bool:
    return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in found)


def test_a_training_by_two_ends_as_if_neither_had_ever_been_killed(victim, capfd):
    process, lines = victim.start()
    wait_for(lambda: len(checkpoints(victim.folder)) == 2)
    assert said(lines, "epochs of 44 steps on cpu in 2 processes")
    (worker,) = found = workers(process)
    process.kill()
    process.wait()
    wait_for(lambda: ended(found), seconds=5)

    process, lines = go_on(victim)
    (worker,) = found = workers(process)
    capfd.readouterr()
    worker.kill()
    assert process.wait(timeout=30) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: train.processes: one of the 2 processes has ended")
    assert statuses(victim.folder, "digits")[0] == "FAILED"

    process, lines = go_on(victim)
    found = workers(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    assert ended(found)
    wait_for(lambda: said(lines, "its checkpoint is kept"))
    assert statuses(victim.folder, "digits")[0] == "KILLED"

    process, lines = go_on(victim)
    found = workers(process)
    assert process.wait(timeout=120) == 0
    assert ended(found)
    assert victim.sums() == victim.undisturbed
    assert victim.recorded() == victim.as_recorded
    assert only_its_end_is_kept(victim.folder)


def test_torchrun_starts_them_as_well(victim):
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    training = ["-m", "stages.train", "--experiment", "digits", "--seed", "111"]
    for path in victim.outputs:
        (victim.folder / path).unlink()
    environment = {**victim.environment, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*run, *training], cwd=victim.folder, env=environment, capture_output=True, text=True, check=True
    )
    assert victim.sums() == victim.undisturbed
    assert done.stdout.count("train digits, seed 111: done") == 1
