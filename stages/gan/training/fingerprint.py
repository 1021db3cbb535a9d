"""What a training's bytes depend on, as one short name."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stages.gan.core import devices

_KERNELS = ("MKL_", "ONEDNN_", "DNNL_", "ATEN_", "CUBLAS_", "CUDNN_")  # variables that choose kernels
_SCIENCE = Path(__file__).parents[1]
_ROOMS = ("core", "networks/base", "training")  # those that compute; the pieces are in the settings


def fingerprint(settings: Mapping[str, Any], device: torch.device) -> str:
    """A name (16 hexadecimal digits) that changes with anything that the numbers depend on.

    That is the code of the rooms that compute, too, and of no others: who mends the figures or the tracking
    loses no training.

    Args:
        settings: JSON values: parameters, seed, threads, sums of the data's files, the code of the pieces.
        device: what computes: its kind counts, see :func:`devices.processor`.
    """
    parts = {
        "settings": dict(settings),
        "device": [device.type, *_kind(device)],
        "torch": str(torch.__version__),
        "code": {path.relative_to(_SCIENCE).as_posix(): _sum(path) for path in _modules()},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _kind(device: torch.device) -> list[str]:
    """What decides which kernels compute on the device."""
    chosen = [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(_KERNELS)]
    return [devices.processor(device), *chosen]


def _modules() -> list[Path]:
    return sorted(path for room in _ROOMS for path in (_SCIENCE / room).rglob("*.py"))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
