"""The device to compute on, and the settings that make it repeatable and fast."""

import ctypes
import os
import platform
import sys
from pathlib import Path

import torch
from torch import Tensor

from stages.gan.core import portability
from stages.runtime.errors import UserError

# All that PyTorch leaves to MKL.
_ELEMENTARY = (
    *(torch.exp, torch.log, torch.log2, torch.log10, torch.sqrt, torch.erf, torch.erfc, torch.erfinv),
    *(torch.sin, torch.cos, torch.tan, torch.asin, torch.acos, torch.atan, torch.tanh, torch.trunc),
)


def set_up(device: str, threads: int) -> torch.device:
    """Make PyTorch repeatable, and return the device to compute on. Call it before any computation.

    - The number of CPU threads is part of the result: with another one, sums are rounded differently.
    - Denormal floats are flushed to zero: Adam's moments decay into them wherever a gradient is exactly
      zero, and the CPU is many times slower on them. The worker threads inherit this setting only if it
      is made before the first parallel operation.
    - The elementary functions have their kernels on the CPU: see :func:`settle`.
    - Operations with no deterministic version raise an error instead of giving different bits.
    - GPUs compute convolutions in full float32, as they do matrix products by default, not in TF32.
    - Memory that is freed stays with the process, for the next tensor.

    Args:
        device: ``cpu``, ``cuda``, ``mps``, or ``auto`` for the best one present.
        threads: CPU threads, at least 1.

    Raises:
        UserError: this machine has no such device.
    """
    _keep_freed_memory()
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    settle()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.backends.cudnn.allow_tf32 = False
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms(True), without its imports
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return find(device)


def settle() -> None:
    """Call each elementary function once, by one thread, on the CPU.

    MKL looks for its best kernel in the first call; where two threads make that together, now and then one of
    them gets a coarse kernel for this call (PyTorch issue 188792).
    """
    for dtype in (torch.float32, torch.float64):
        for function in _ELEMENTARY:
            function(torch.ones(1, dtype=dtype))


def find(device: str) -> torch.device:
    """The device with a name, or for ``auto`` the best one present.

    Raises:
        UserError: this machine has no such device.
    """
    present = available()
    if device == "auto":
        return torch.device(present[-1])
    if device not in present:
        raise UserError(
            f"device: {device} is not there; this machine has {', '.join(present)} (auto takes the best)"
        )
    return torch.device(device)


def _keep_freed_memory() -> None:
    """Have the GNU C library keep the pages of freed tensors, as a step needs as many again.

    By default it may give them back to the system after every step, which is luck, and costs thousands of
    page faults (see mallopt(3) for both thresholds).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3
        mallopt(mmap_threshold, 32 * 2**20)  # the most there can be
        mallopt(trim_threshold, 2**31 - 1)


def move(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor made on the CPU, on the device; without waiting for a GPU to be done with its work."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def available() -> list[str]:
    """The kinds of device this machine has, the fastest last."""
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.cuda.is_available():
        found.append("cuda")
    return found


def name(device: torch.device) -> str:
    """The device's name as its maker gives it, such as ``NVIDIA H200``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if device.type == "cpu" and cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def processor(device: torch.device) -> str:
    """What of the device decides the last bits: the kind of CPU, or the GPU's name.

    A CPU's kind is its name and the set of instructions that is used; where the libraries are limited, it is
    any of those that have what they are limited to.
    """
    if device.type != "cpu":
        return name(device)
    if portability.is_limited():
        return portability.PROCESSOR
    return f"{name(device)}, {torch.backends.cpu.get_cpu_capability()}"


def about(device: torch.device) -> dict[str, str | bool]:
    """What a network's file says of the device that made it.

    Its type and :func:`processor`, and whether others make the same bytes.
    """
    portable = device.type == "cpu" and portability.is_limited()
    return {"device": device.type, "processor": processor(device), "portable": portable}
