"""What a training's bytes depend on, as one short name."""

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from stages.gan import devices

_KERNELS = ("MKL_", "ONEDNN_", "DNNL_", "ATEN_", "CUBLAS_", "CUDNN_")  # variables that choose kernels
_ROOT = Path(__file__).parent.parent.parent


def fingerprint(settings: Mapping[str, Any], device: torch.device, code: Iterable[Path]) -> str:
    """A name (16 hexadecimal digits) that changes with anything that the numbers depend on.

    Args:
        settings: JSON values: parameters, seed, threads, sums of the data's files.
        device: what computes: its name counts, and the CPU's instruction set.
        code: the modules that compute. Those they import count, too, and no others: who mends the figures
            or the tracking loses no training.
    """
    parts = {
        "settings": dict(settings),
        "device": [device.type, *_kind(device)],
        "torch": str(torch.__version__),
        "code": {
            str(path.relative_to(_ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(_imported(code))
        },
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _kind(device: torch.device) -> list[str]:
    """The device's name, and what else decides which kernels compute on it."""
    chosen = [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(_KERNELS)]
    return [devices.name(device), str(torch.backends.cpu.get_cpu_capability()), *chosen]


def _imported(code: Iterable[Path]) -> set[Path]:
    """The modules, and all of this project that they import."""
    found: set[Path] = set()
    waiting = list(code)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stages":
                base = _ROOT.joinpath(*str(node.module).split("."))
                files = (base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names))
                waiting += [file for file in files if file.exists()]
    return found
