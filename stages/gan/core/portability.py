"""The same bytes on every x86-64 CPU, whatever its generation and maker, at some cost in speed.

Each library that computes looks at the CPU and takes the kernels that are fastest there, and these sum in
another order, or approximate otherwise. Variables in the environment limit them to what a CPU with AVX2 and
FMA has. Each is read when its library is first used, so this module imports none of them.
"""

import os
import platform
from pathlib import Path

from stages.runtime.errors import UserError

LIMITS = {
    # Matrix products, elementary functions. On AMD's CPUs MKL knows no level between this and the CPU's own.
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    "OPENBLAS_CORETYPE": "Haswell",  # NumPy's and SciPy's matrix products
    "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",  # NumPy's own kernels
}
_CPUINFO = Path("/proc/cpuinfo")


def check(cpuinfo: Path = _CPUINFO) -> None:
    """Refuse a machine for which nothing is promised: with the limits, an older CPU would crash.

    Raises:
        UserError: the CPU is no x86-64 one with AVX2 and FMA, as far as ``cpuinfo`` says.
    """
    flags: set[str] = set()
    if platform.machine().lower() in ("x86_64", "amd64") and cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    if not {"avx2", "fma"} <= flags:
        raise UserError(
            "portable: true needs an x86-64 CPU with AVX2 and FMA, on Linux, and this machine has none; "
            "set it to false in params.yaml"
        )


def limit() -> None:
    """Limit this process to what all have; before NumPy, SciPy or PyTorch is imported.

    Raises:
        UserError: see :func:`check`.
    """
    check()
    os.environ.update(LIMITS)
