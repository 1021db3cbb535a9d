"""The same bytes on every x86-64 CPU, whatever its generation and maker.

Each library that computes looks at the CPU and takes the kernels that are fastest there, and these sum in
another order, or approximate otherwise. Variables in the environment limit them to what a CPU with AVX2 and
FMA has. Each is read when its library is first used, so this module imports none of them. (Large products of
matrices are made by another library than the small ones: see ``products``.)
"""

import os
import platform
from pathlib import Path

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


def why_not(cpuinfo: Path = _CPUINFO) -> str | None:
    """Why this CPU's bytes are its own, in a few words; None where they can be those of all others.

    Args:
        cpuinfo: Linux's list of what the CPU has.
    """
    flags: set[str] = set()
    if platform.machine().lower() in ("x86_64", "amd64") and cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    if {"avx2", "fma"} <= flags:  # with the limits, an older CPU would crash
        return None
    return "this machine has no x86-64 CPU with AVX2 and FMA, or no Linux"


def is_wanted(portable: bool | str, cpuinfo: Path = _CPUINFO) -> bool:
    """Whether the libraries are to be limited here; that changes nothing of what a GPU computes.

    Args:
        portable: the parameter: true, false or ``auto``.
        cpuinfo: see :func:`why_not`.

    Raises:
        UserError: they are, and the CPU is one for which nothing is promised.
    """
    reason = why_not(cpuinfo) if portable else None
    if reason and portable != "auto":
        raise UserError(f"portable: true: {reason}; set it to auto, or to false, in params.yaml")
    return bool(portable) and reason is None


def limit(portable: bool | str) -> None:
    """Limit this process to what all have, if that is wanted; before NumPy, SciPy or PyTorch is imported.

    Raises:
        UserError: see :func:`is_wanted`.
    """
    if is_wanted(portable):
        os.environ.update(LIMITS)


def is_limited() -> bool:
    """Whether this process is limited so."""
    return all(os.environ.get(name) == value for name, value in LIMITS.items())
