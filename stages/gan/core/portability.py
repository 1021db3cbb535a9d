"""The same bytes on every x86-64 CPU, whatever its generation and maker.

Each library that computes looks at the CPU and takes the kernels that are fastest there, and these sum in
another order, or approximate otherwise. Variables in the environment limit them to what a CPU with AVX2 and
FMA has. Each is read when its library is first used, so this module imports none of them. (Large products of
matrices are made by another library than the small ones: see ``products``.)
"""

import os
import platform
from pathlib import Path

from stages.gan.core.params import Settings
from stages.runtime.errors import UserError

LIMITS = {
    # Matrix products, elementary functions. On AMD's CPUs MKL knows no level between this and the CPU's own.
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions, large matrix products
    "OPENBLAS_CORETYPE": "Haswell",  # NumPy's and SciPy's matrix products
    "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",  # NumPy's own kernels
}
PROCESSOR = "any x86-64 with AVX2 and FMA"  # what computes where there are these limits
_CPUINFO = Path("/proc/cpuinfo")
_GPUS = ("/dev/nvidiactl", "/dev/kfd")  # of NVIDIA's driver, and of AMD's


def why_not(device: str, cpuinfo: Path = _CPUINFO) -> str | None:
    """Why this machine's bytes are its own, in a few words; None where they can be those of all others.

    Args:
        device: what computes, as the parameters name it.
        cpuinfo: Linux's list of what the CPU has.
    """
    flags: set[str] = set()
    if platform.machine().lower() in ("x86_64", "amd64") and cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    if not {"avx2", "fma"} <= flags:  # with the limits, an older CPU would crash
        return "it is no x86-64 CPU with AVX2 and FMA, on Linux"
    if device in ("cuda", "mps") or (device == "auto" and any(Path(gpu).exists() for gpu in _GPUS)):
        return "a GPU computes"
    return None


def is_wanted(settings: Settings, cpuinfo: Path = _CPUINFO) -> bool:
    """Whether the libraries are to be limited here, as ``portable`` says.

    Raises:
        UserError: they are, and the CPU is one for which nothing is promised.
    """
    if settings.portable == "auto":
        return why_not(settings.device, cpuinfo) is None
    if settings.portable and why_not("cpu", cpuinfo) is not None:
        raise UserError(
            "portable: true needs an x86-64 CPU with AVX2 and FMA, on Linux, and this machine has none; "
            "set it to auto, or to false, in params.yaml"
        )
    return settings.portable


def limit(settings: Settings) -> None:
    """Limit this process to what all have, if that is wanted; before NumPy, SciPy or PyTorch is imported.

    Raises:
        UserError: see :func:`is_wanted`.
    """
    if is_wanted(settings):
        os.environ.update(LIMITS)


def is_limited() -> bool:
    """Whether this process is limited so."""
    return all(os.environ.get(name) == value for name, value in LIMITS.items())
