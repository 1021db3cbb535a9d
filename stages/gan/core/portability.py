"""The same bytes on every x86-64 CPU with AVX2 and FMA, whatever its generation and maker.

Each numerical library looks at the CPU and takes the kernels that are fastest on it. Other kernels sum in
another order, or approximate differently. Environment variables limit the libraries to kernels that need no
more than AVX2 and FMA. A library reads its variable when it is first used, so this module imports none of
them. (Large matrix products are computed by another library than small ones: see ``products``.)
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
PROCESSOR = "any x86-64 with AVX2 and FMA"  # the kind of processor under these limits
_CPUINFO = Path("/proc/cpuinfo")


def why_not(cpuinfo: Path = _CPUINFO) -> str | None:
    """Why this machine cannot make the portable bytes, in a few words; None: it can.

    Args:
        cpuinfo: the file in which Linux lists the CPU's features.
    """
    flags: set[str] = set()
    if platform.machine().lower() in ("x86_64", "amd64") and cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    if {"avx2", "fma"} <= flags:  # under the limits, a CPU without them would crash
        return None
    return "this machine has no x86-64 CPU with AVX2 and FMA, or does not run Linux"


def is_wanted(portable: bool | str, cpuinfo: Path = _CPUINFO) -> bool:
    """Whether the libraries should be limited on this machine. The limits do not change a GPU's results.

    Args:
        portable: the parameter: true, false or ``auto`` (limited where the machine can be).
        cpuinfo: see :func:`why_not`.

    Raises:
        UserError: ``portable`` is true, but this machine cannot make the portable bytes.
    """
    reason = why_not(cpuinfo) if portable else None
    if reason and portable != "auto":
        raise UserError(f"portable: true: {reason}; set it to auto, or to false, in params.yaml")
    return bool(portable) and reason is None


def limit(portable: bool | str) -> None:
    """Limit this process's libraries, if that is wanted. Call it before importing NumPy, SciPy or PyTorch.

    Raises:
        UserError: see :func:`is_wanted`.
    """
    if is_wanted(portable):
        os.environ.update(LIMITS)


def is_limited() -> bool:
    """Whether this process's libraries are limited."""
    return all(os.environ.get(name) == value for name, value in LIMITS.items())
