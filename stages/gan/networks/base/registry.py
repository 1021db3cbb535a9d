"""The networks by their names in ``params.yaml``: the project's, and those of ``custom.py``.

A network's ``architecture`` holds its name and the arguments that build it again; ``core.weights`` saves it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from stages.gan.core.conditional import Conditional
from stages.gan.core.params import PieceBlock, pieces
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import custom_network

Kind = Literal["generator", "discriminator"]


def get_network(kind: Kind, name: str) -> Callable[..., nn.Module]:
    """The class, or the function of ``custom.py``, that builds the network of this kind and name.

    Raises:
        UserError: there is no such network.
    """
    piece = pieces.find(kind, name)
    if piece.is_custom:
        return custom_network.builder(piece)
    build: Callable[..., nn.Module] = pieces.load(piece)
    return build


get_generator = partial(get_network, "generator")


def build(
    generator: PieceBlock,
    discriminator: PieceBlock,
    shape: Sequence[int],
    seed: int,
    device: torch.device,
    rows: slice = slice(0, None, 1),
    counts: Sequence[int] = (),
) -> tuple[nn.Module, nn.Module]:
    """Build a generator and a discriminator, with their initial weights.

    The weights are drawn from the seed on the CPU, so they are the same on every device.

    Args:
        generator: parameters of the generator.
        discriminator: parameters of the discriminator.
        shape: shape of one sample.
        seed: the run's seed.
        device: the device that the networks are moved to.
        rows: the rows of a whole batch that the networks get in training.
        counts: number of training samples of each class, if the networks are conditioned on the class.

    Raises:
        UserError: the parameters do not fit the shape, or a network of ``custom.py`` cannot be made.
    """
    given: dict[str, Any] = {}
    if generator.piece.is_custom:  # the project's generators have no dropout
        given = {"masks": random_generator(seed, "dropout", "generator", device=device), "rows": rows}
    made = build_generator(
        generator, counts, shape=shape, weights=random_generator(seed, "generator"), **given
    )
    answering = build_one(
        "discriminator",
        discriminator,
        shape=shape,
        weights=random_generator(seed, "discriminator"),
        masks=random_generator(seed, "dropout", device=device),
        rows=rows,
        **({"classes": len(counts)} if counts else {}),
    )
    return made.to(device), answering.to(device)


def build_generator(params: PieceBlock, counts: Sequence[int], **given: Any) -> nn.Module:
    """Build a generator, conditioned on the class if there are ``counts``; see :func:`build`."""
    if not counts:
        return build_one("generator", params, **given)
    longer = params.model_copy(update={"latent": params.model_dump()["latent"] + len(counts)})
    return Conditional(build_one("generator", longer, **given), counts)


def build_one(kind: Kind, params: PieceBlock, **given: Any) -> nn.Module:
    """Build a network from its parameters, and from the arguments ``given`` that all of its kind take."""
    arguments = params.model_dump()
    return get_network(kind, arguments.pop("network"))(**arguments, **given)
