import platform
import subprocess
import sys

import pytest
import torch

from stages.gan.core import devices
from stages.runtime.errors import UserError


def test_a_device_that_is_not_there_is_refused_with_those_that_are():
    absent = next(device for device in ("cuda", "mps") if device not in devices.available())
    with pytest.raises(UserError, match=rf"device: {absent} is not available; this machine has cpu"):
        devices.set_up(absent, 1)


def test_set_up_makes_every_thread_flush_denormals(root):
    """In a process of its own: the worker threads inherit the setting only before their first work."""
    program = """
import torch
from stages.gan.core import devices
print(devices.set_up("cpu", 2).type, torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
tiny = torch.full((4_000_000,), 1e-30)
print((tiny * 1e-10).count_nonzero().item())
print(torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["cpu", "2", "True", "0", "False", "False"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is the GNU C library's")
def test_set_up_keeps_freed_memory_for_the_next_tensor(root):
    program = """
import resource
import torch
from stages.gan.core import devices

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        tensors = [torch.ones(1_000_000) for _ in range(3)]
        del tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

devices.set_up("cpu", 1)
faults(), faults()
print(faults())
"""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 100  # without the setting 20,000, but for luck


def test_auto_takes_what_is_there_and_devices_have_names():
    best = torch.device(devices.available()[-1])
    assert devices.name(best)
    assert devices.name(torch.device("cpu"))
