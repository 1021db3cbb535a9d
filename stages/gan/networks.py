"""The networks by the names they have in ``params.yaml``: the project's, and those of ``own.py``.

A network's ``architecture`` holds its name and the arguments that build it again; ``weights.py`` keeps it.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from stages.gan import own_networks, params
from stages.gan.conv import ConvDiscriminator, ConvGenerator
from stages.gan.mlp import MlpDiscriminator, MlpGenerator
from stages.gan.randomness import generator as random_generator


class Networks(dict[str, Callable[..., nn.Module]]):
    """What makes a network, by its name; what is not in it is looked for in ``own.py``.

    Args:
        kind: generator or discriminator.
        built_in: the project's own.
    """

    def __init__(self, kind: str, built_in: dict[str, Callable[..., nn.Module]]) -> None:
        super().__init__(built_in)
        self._kind = kind

    def __missing__(self, name: str) -> Callable[..., nn.Module]:
        return own_networks.builder(self._kind, name)


GENERATORS = Networks("generator", {"mlp": MlpGenerator, "conv": ConvGenerator})
DISCRIMINATORS = Networks("discriminator", {"mlp": MlpDiscriminator, "conv": ConvDiscriminator})


def build(
    generator: params.Generator,
    discriminator: params.Discriminator,
    shape: Sequence[int],
    seed: int,
    device: torch.device,
    rows: slice = slice(0, None, 1),
) -> tuple[nn.Module, nn.Module]:
    """A generator and a discriminator with their initial weights, for samples of a shape.

    The weights are drawn from the seed on the CPU, so that they are the same on every device. ``rows`` are
    those of a batch that the networks are given in training.
    """
    g, d = generator.model_dump(), discriminator.model_dump()
    if isinstance(generator, params.OwnNetwork):  # those of the project have no dropout
        g |= {"masks": random_generator(seed, "dropout", "generator", device=device), "rows": rows}
    return (
        GENERATORS[g.pop("network")](**g, shape=shape, weights=random_generator(seed, "generator")).to(
            device
        ),
        DISCRIMINATORS[d.pop("network")](
            **d,
            shape=shape,
            weights=random_generator(seed, "discriminator"),
            masks=random_generator(seed, "dropout", device=device),
            rows=rows,
        ).to(device),
    )
