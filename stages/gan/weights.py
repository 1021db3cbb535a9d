"""Networks in files: safetensors, with what is needed to build the network again."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import nn

from stages.gan import files
from stages.gan.errors import UserError
from stages.gan.units import Rescaled, Units

_ERRORS = (
    *(OSError, SafetensorError, UserError, LookupError, TypeError, ValueError, AttributeError),
    *(RuntimeError, ArithmeticError, MemoryError),
)
_KEY = "about"  # a single key: safetensors writes several in random order, which would change the bytes


def save(path: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
    """Write a network's weights, its ``architecture`` and ``about`` (JSON values); always the same bytes."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    everything = {"architecture": network.architecture, **about}
    files.write(path, to_bytes(state, metadata={_KEY: json.dumps(everything, sort_keys=True)}))


def load(
    path: Path, networks: Mapping[str, Callable[..., nn.Module]], device: torch.device
) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network in a file on ``device``, ready for use, not for training; and what is known of it.

    Args:
        path: a file that :func:`save` wrote.
        networks: the classes that its architecture may name.
        device: where the network is to be.

    Raises:
        UserError: the file is missing or damaged, or was not written by :func:`save`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = json.loads(file.metadata()[_KEY])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        architecture = dict(about["architecture"])
        units = architecture.pop("units", None)
        network = networks[architecture.pop("network")](**architecture)
        if units is not None:
            network = Rescaled(network, Units(tuple(units["mean"]), tuple(units["deviation"])))
        network.load_state_dict(state)
    except _ERRORS as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"{path}: not a readable network of this project ({reason}); make it again"
        ) from error
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise UserError(
                f"{path}: {name} holds numbers that are not finite; make it again, with a lower lr"
            )
    return network.to(device).eval(), about
