"""The networks by the names that they have in ``params.yaml``: the project's, and those of ``custom.py``.

A network's ``architecture`` holds its name and the arguments that build it again; ``core.weights`` keeps it.
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
    """What builds the network of a kind that has a name in params.yaml.

    Raises:
        UserError: there is none.
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
    """A generator and a discriminator with their initial weights, for samples of a shape.

    The weights are drawn from the seed on the CPU, so that they are the same on every device.

    Args:
        generator: its parameters.
        discriminator: likewise.
        shape: of one sample.
        seed: the run's.
        device: where they are to be.
        rows: of a batch, those that the networks are given in training.
        counts: of the training samples of each class, if the networks are told the class.
    """
    given: dict[str, Any] = {}
    if generator.piece.is_custom:  # those of the project have no dropout
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
    """A generator, which is told the class if there are ``counts``; see :func:`build`."""
    if not counts:
        return build_one("generator", params, **given)
    longer = params.model_copy(update={"latent": params.model_dump()["latent"] + len(counts)})
    return Conditional(build_one("generator", longer, **given), counts)


def build_one(kind: Kind, params: PieceBlock, **given: Any) -> nn.Module:
    """A network with its parameters, and with what is given to all."""
    arguments = params.model_dump()
    return get_network(kind, arguments.pop("network"))(**arguments, **given)
