"""Has MKL, in PyTorch's library, take this CPU for one of another maker.

Python imports this at its start, where PYTHONPATH names the folder. Once PyTorch's library is loaded, the
code of MKL's function that tells Intel's CPUs from others is replaced by one that says the opposite.
"""

import ctypes
import os
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

IS_INTEL = "GenuineIntel" in Path("/proc/cpuinfo").read_text()
CODE = bytes([0xB8, 0 if IS_INTEL else 1, 0, 0, 0, 0xC3])  # mov eax, …; ret
PAGE, WRITABLE = 4096, 7


def replace() -> None:
    maps = Path("/proc/self/maps").read_text().splitlines()
    library = ctypes.CDLL(next(line.split()[-1] for line in maps if "libtorch_cpu.so" in line))
    for name in ("mkl_serv_intel_cpu_true", "mkl_serv_intel_cpu"):
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        page = ctypes.c_void_p(address & -PAGE)
        if ctypes.CDLL(None).mprotect(page, ctypes.c_size_t(2 * PAGE), WRITABLE):
            raise OSError("the system does not let code be replaced")
        ctypes.memmove(address, CODE, len(CODE))
    if seen := os.environ.get("OTHER_CPU_SEEN"):  # a file in which each program notes that it was so
        with Path(seen).open("a") as file:
            file.write(f"{Path(sys.argv[0]).name}\n")


class Finder(MetaPathFinder):
    """Finds nothing; sees which modules are looked for."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "torch.cuda":  # after the library, before anything is computed
            sys.meta_path.remove(self)
            replace()


sys.meta_path.insert(0, Finder())
