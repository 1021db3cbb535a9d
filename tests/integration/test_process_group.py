import subprocess
import sys

import pytest
import torch
from torch import distributed

from stages.gan.training import process_group
from stages.gan.training.loop import DivergenceError
from stages.gan.training.process_group import SINGLE, PeerLostError, ProcessGroup
from stages.runtime.errors import UserError
from tests.gan.training import worker


@pytest.fixture(autouse=True)
def _here(root, monkeypatch):
    """Where the processes that are started find the project."""
    monkeypatch.chdir(root)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "")  # put back what joining sets
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    yield
    if distributed.is_initialized():  # after an error nobody does: the stage's process ends
        distributed.destroy_process_group()


@pytest.mark.parametrize("case", [case for case in worker.CASES if case != "not finite"])
def test_two_processes_train_as_one_does_to_float_rounding(case):
    alone, expected = worker.training(case, SINGLE)
    together, epochs = worker.training(case, ProcessGroup(world_size=2))
    for ours, theirs in zip(epochs, expected, strict=True):
        for name in ("loss_d", "loss_g", "d_real", "d_fake"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-4), name
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(together.state_dict()[name], tensor, rtol=1e-3, atol=1e-5, msg=name)


def test_numbers_that_are_not_finite_end_both_processes(monkeypatch):
    started: list[subprocess.Popen] = []
    popen = subprocess.Popen

    def noted(*arguments, **named):
        started.append(popen(*arguments, **named))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    kill = popen.kill
    monkeypatch.setattr(
        popen, "kill", lambda process: process.wait(30) if process in started else kill(process)
    )
    with pytest.raises(DivergenceError, match="no longer finite in epoch 1"):
        worker.training("not finite", ProcessGroup(world_size=2))
    assert [process.returncode for process in started] == [0]


def test_a_process_that_ends_is_reported_in_one_line():
    program = """
import os, torch
from stages.gan.training import process_group
group = process_group.current(2)
with group.joined(torch.device("cpu"), []):
    group.mean([torch.tensor([3.0])])
    os._exit(3)
"""
    group = ProcessGroup(world_size=2)
    with group.joined(torch.device("cpu"), [sys.executable, "-c", program]):
        assert group.mean([torch.tensor([1.0])])[0].tolist() == [2.0]
        with pytest.raises(PeerLostError, match=r"one of the 2 processes has ended; run it again"):
            group.mean([torch.tensor([1.0])])


def test_the_rows_of_all_processes_are_the_batch():
    groups = [ProcessGroup(rank, 3) for rank in range(3)]
    real, generated = torch.arange(6), torch.arange(10, 16)
    for group in groups:
        both = torch.cat([real, generated])[group.rows]
        assert torch.equal(both, torch.cat([real[group.rows], generated[group.rows]]))
    assert sorted(torch.cat([real[group.rows] for group in groups]).tolist()) == real.tolist()
    assert [group.is_main for group in groups] == [True, False, False]


def test_what_a_launcher_has_started_must_be_what_params_say(monkeypatch):
    assert process_group.current(3).world_size == 3
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    group = process_group.current(2)
    assert (group.is_main, group.rows) == (False, slice(1, None, 2))
    with pytest.raises(UserError, match=r"train\.processes: is 1, but torchrun, .* has started 2; start as"):
        process_group.current(1)


def test_processes_need_a_device_that_can_share(monkeypatch):
    group = ProcessGroup(world_size=2)
    assert group.device(torch.device("cpu")) == torch.device("cpu")
    with pytest.raises(
        UserError, match=r"train\.processes: 2 processes need device cpu or cuda, not mps; set it to 1"
    ):
        group.device(torch.device("mps"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match=r"train\.processes: 2 on this machine, but it has 1 GPU; each"):
        group.device(torch.device("cuda"))
    assert SINGLE.device(torch.device("cuda")) == torch.device("cuda")
