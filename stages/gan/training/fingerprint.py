"""A short name for everything that a training's bytes depend on."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from stages.gan.core import devices

_KERNELS = ("MKL_", "ONEDNN_", "DNNL_", "ATEN_", "CUBLAS_", "CUDNN_")  # environment variables for kernels
_SCIENCE = Path(__file__).parents[1]
_ROOMS = ("core", "networks/base", "training")  # those that compute; the settings contain the pieces' code


def fingerprint(settings: Mapping[str, Any], device: torch.device) -> str:
    """A name (16 hexadecimal digits) that changes with anything that the training's numbers depend on.

    This includes the code of the rooms that compute, but of no others: after a change of the figures or the
    tracking, an interrupted training still finds its checkpoints.

    Args:
        settings: JSON values: parameters, seed, threads, checksum of the data set, code of the pieces.
        device: the device that computes; only its kind counts, see :func:`devices.processor`.
    """
    parts = {
        "settings": dict(settings),
        "device": [device.type, *_kind(device)],
        "torch": str(torch.__version__),
        "code": {path.relative_to(_SCIENCE).as_posix(): _sum(path) for path in _modules()},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _kind(device: torch.device) -> list[str]:
    """The processor, and the environment variables that choose its kernels."""
    chosen = [f"{key}={os.environ[key]}" for key in sorted(os.environ) if key.startswith(_KERNELS)]
    return [devices.processor(device), *chosen]


def _modules() -> list[Path]:
    return sorted(path for room in _ROOMS for path in (_SCIENCE / room).rglob("*.py"))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
