"""The device to compute on, and the settings that make its results repeatable and fast."""

import ctypes
import os
import platform
import sys
from pathlib import Path

import torch
from torch import Tensor

from stages.gan.core import portability
from stages.runtime.errors import UserError

# All elementary functions that PyTorch computes with MKL.
_ELEMENTARY = (
    *(torch.exp, torch.log, torch.log2, torch.log10, torch.sqrt, torch.erf, torch.erfc, torch.erfinv),
    *(torch.sin, torch.cos, torch.tan, torch.asin, torch.acos, torch.atan, torch.tanh, torch.trunc),
)


def set_up(device: str, threads: int) -> torch.device:
    """Make PyTorch repeatable, and return the device to compute on. Call it before any computation.

    - The number of CPU threads is part of the result: another number rounds sums differently.
    - Denormal floats are flushed to zero: Adam's moments decay into them wherever a gradient is exactly
      zero, and a CPU is many times slower with them. Worker threads inherit this setting only if it is made
      before the first parallel operation.
    - The elementary functions choose their kernels for the CPU: see :func:`settle`.
    - Operations that have no deterministic version raise an error instead of giving different bits.
    - GPUs compute convolutions in full float32 instead of TF32. For matrix products that is the default.
    - Freed memory stays with the process, for the next tensor.

    Args:
        device: ``cpu``, ``cuda``, ``mps``, or ``auto`` for the best one that the machine has.
        threads: number of CPU threads, at least 1.

    Raises:
        UserError: this machine has no such device.
    """
    _keep_freed_memory()
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    settle()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with this
    torch.backends.cudnn.allow_tf32 = False
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms(True), without its imports
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return find(device)


def settle() -> None:
    """Call each elementary function once on the CPU, in one thread.

    MKL chooses its best kernel in the first call of a function. If two threads make this call at the same
    time, one of them sometimes gets a less exact kernel for it (PyTorch issue 188792).
    """
    for dtype in (torch.float32, torch.float64):
        for function in _ELEMENTARY:
            function(torch.ones(1, dtype=dtype))


def find(device: str) -> torch.device:
    """The device with a name; for ``auto``, the best one that this machine has.

    Raises:
        UserError: this machine has no such device.
    """
    present = available()
    if device == "auto":
        return torch.device(present[-1])
    if device not in present:
        raise UserError(
            f"device: {device} is not available; this machine has {', '.join(present)} (auto takes the best)"
        )
    return torch.device(device)


def _keep_freed_memory() -> None:
    """Make the GNU C library keep the memory of freed tensors: the next step needs as much again.

    By default the library sometimes returns this memory to the system after every step, and then each step
    costs thousands of page faults. Both thresholds are described in mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3
        mallopt(mmap_threshold, 32 * 2**20)  # the largest value allowed
        mallopt(trim_threshold, 2**31 - 1)


def move(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor from the CPU to a device, without waiting until a GPU has finished its work."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def available() -> list[str]:
    """The kinds of device that this machine has, the fastest last."""
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.cuda.is_available():
        found.append("cuda")
    return found


def name(device: torch.device) -> str:
    """The name that the device's maker gives it, such as ``NVIDIA H200``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if device.type == "cpu" and cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def processor(device: torch.device) -> str:
    """The kind of processor, which decides the last bits of a result.

    For a GPU this is its name; for a CPU, its name and the instruction set in use. Where the libraries are
    limited (``portability``), all CPUs with the necessary instructions are one kind.
    """
    if device.type != "cpu":
        return name(device)
    if portability.is_limited():
        return portability.PROCESSOR
    return f"{name(device)}, {torch.backends.cpu.get_cpu_capability()}"


def about(device: torch.device) -> dict[str, str | bool]:
    """What a network's file says about the device that made it.

    Returns:
        ``device``, its type; ``processor``, see :func:`processor`; and ``portable``, whether all CPUs with
        the necessary instructions make the same bytes.
    """
    portable = device.type == "cpu" and portability.is_limited()
    return {"device": device.type, "processor": processor(device), "portable": portable}
