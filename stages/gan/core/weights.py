"""Networks in safetensors files, with what is needed to build the network again."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from stages.gan.core.conditional import Conditional
from stages.gan.core.normalization import Normalization, Rescaled
from stages.gan.core.params import Block
from stages.runtime import files
from stages.runtime.errors import UserError

_ERRORS = (
    *(OSError, SafetensorError, UserError, LookupError, TypeError, ValueError, AttributeError),
    *(RuntimeError, ArithmeticError, MemoryError),
)
_KEY = "about"  # one key only: safetensors writes several in random order, which would change the bytes


def save(path: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
    """Write a network's weights, its ``architecture`` and ``about`` (JSON values).

    The same network and values always give the same bytes.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    everything = {"architecture": network.architecture, **about}
    files.write(path, to_bytes(state, metadata={_KEY: json.dumps(everything, sort_keys=True)}))


def read_about(path: Path) -> dict[str, Any]:
    """What a file says about its network, including its ``architecture``; the network is not built.

    Raises:
        UserError: the file is missing or damaged, or was not written by :func:`save`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return _about(file)
    except _ERRORS as error:
        raise _unreadable(path, error) from error


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a network's file by name, on the CPU; the network is not built.

    Raises:
        UserError: see :func:`read_about`.
    """
    try:
        return _contents(path)[1]
    except _ERRORS as error:
        raise _unreadable(path, error) from error


def load(
    path: Path, get_network: Callable[[str], Callable[..., nn.Module]], device: torch.device
) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network in a file, in evaluation mode; return it with what the file says about it.

    Args:
        path: a file that :func:`save` wrote.
        get_network: returns the class or function that builds the network with a name.
        device: the device to put the network on.

    Raises:
        UserError: the file is missing or damaged, was not written by :func:`save`, or holds weights that are
            not finite.
    """
    try:
        about, state = _contents(path)
        architecture = dict(about["architecture"])
        units, counts = architecture.pop("units", None), architecture.pop("counts", None)
        if counts is not None:
            architecture["latent"] += len(counts)
        network = get_network(architecture.pop("network"))(**architecture)
        if counts is not None:
            network = Conditional(network, counts)
        if units is not None:
            network = Rescaled(network, Normalization(tuple(units["mean"]), tuple(units["deviation"])))
        network.load_state_dict(state)
    except _ERRORS as error:
        raise _unreadable(path, error) from error
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise UserError(
                f"{path}: {name} holds numbers that are not finite; make it again, with a lower lr"
            )
    return network.to(device).eval(), about


def check_architecture(
    path: Path,
    architecture: Mapping[str, Any],
    params: Block,
    shape: Sequence[int],
    block: str,
    **known: Any,
) -> None:
    """Check that a network was built as the parameters say, because files can be moved.

    Args:
        path: the network's file, for the error message.
        architecture: the architecture in the file.
        params: the parameters of the network.
        shape: the shape of one sample.
        block: the name of the parameters' block, for the error message.
        known: more values that the architecture should have; they take precedence over ``params``.

    Raises:
        UserError: it was built differently; the message names ``path``, the key and the ``block``.
    """
    wanted = {"inputs": max(1, shape[0] - 1), **params.model_dump(), "shape": list(shape), **known}
    for key, value in architecture.items():
        if wanted.get(key, value) != value:
            stage = "train" if block == "generator" else block
            raise UserError(
                f"{path}: {key} is {value}, but {block} in the parameters and the data need {wanted[key]}; "
                f"run the {stage} stage"
            )


def check_generator(
    path: Path, about: Mapping[str, Any], name: str, seed: int, params: Block, shape: Sequence[int]
) -> dict[str, Any]:
    """Check that a generator belongs to a run, and was built as the parameters say.

    Args:
        path: the generator's file, for the error message.
        about: what the file says about it (:func:`read_about`).
        name: the run's experiment.
        seed: the run's seed.
        params: the parameters of the generator.
        shape: the shape of one sample.

    Returns:
        The run's ``experiment`` and ``seed``, and what :func:`devices.about` said about the device that made
        the file; None for what an older file does not have.

    Raises:
        UserError: it belongs to another run, or was built differently; the message names ``path``.
    """
    run = {key: about.get(key) for key in ("experiment", "seed", "device", "processor", "portable")}
    if (run["experiment"], run["seed"]) != (name, seed):
        raise UserError(
            f"{path}: is the generator of {run['experiment']}, seed {run['seed']}, not of {name}, "
            f"seed {seed}; run the train stage"
        )
    check_architecture(path, about["architecture"], params, shape, "generator")
    return run


def _contents(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    with safe_open(path, framework="pt") as file:
        return _about(file), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _about(file: Any) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(file.metadata()[_KEY])
    if not isinstance(about["architecture"], dict):
        raise TypeError("its architecture is not a JSON object")
    return about


def _unreadable(path: Path, error: BaseException) -> UserError:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return UserError(f"{path}: not a readable network of this project ({reason}); make it again")
