"""The networks by the names they have in ``params.yaml``.

A network's ``architecture`` holds its name and the arguments that build it again; ``weights.py`` keeps it.
"""

from collections.abc import Sequence

import torch
from torch import nn

from stages.gan import params
from stages.gan.conv import ConvDiscriminator, ConvGenerator
from stages.gan.mlp import MlpDiscriminator, MlpGenerator
from stages.gan.randomness import generator as random_generator

GENERATORS: dict[str, type[nn.Module]] = {"mlp": MlpGenerator, "conv": ConvGenerator}
DISCRIMINATORS: dict[str, type[nn.Module]] = {"mlp": MlpDiscriminator, "conv": ConvDiscriminator}


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
    those of a batch that the discriminator is given in training.
    """
    g, d = generator.model_dump(), discriminator.model_dump()
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
