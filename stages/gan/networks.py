"""The generator and the discriminator.

A network's ``architecture`` holds its name and the arguments that build it again; ``weights.py`` keeps it.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init


class Generator(nn.Module):
    """A fully connected generator: latent points [N, latent] to samples [N, *shape].

    ReLU follows each hidden layer. Images, in [-1, 1], leave through Tanh; points through the last linear
    layer as they are.

    Args:
        latent: dimensions of the latent space, in which points are standard normal.
        hidden: widths of the hidden layers.
        shape: shape of one sample: (D,) for points, (C, H, W) for images.
        weights: draws the initial weights; without it they are left to be loaded.
    """

    def __init__(
        self,
        latent: int,
        hidden: Sequence[int],
        shape: Sequence[int],
        weights: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.architecture = {"network": "mlp", "latent": latent, "hidden": list(hidden), "shape": list(shape)}
        self.latent = latent
        self.shape = tuple(shape)
        layers: list[nn.Module] = []
        for layer in linear_layers([latent, *hidden, math.prod(shape)], weights):
            layers += [layer, nn.ReLU()]
        layers[-1] = nn.Tanh() if len(self.shape) == 3 else nn.Identity()
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """Latent points [N, latent] to samples [N, *shape]."""
        samples: Tensor = self.layers(latents)
        return samples.view(-1, *self.shape)


class Discriminator(nn.Module):
    """A fully connected discriminator: samples [N, *shape] to one logit each, [N, 1].

    ReLU and dropout follow each hidden layer. A logit's sigmoid is D(x), the probability that x is real.

    Args:
        shape: shape of one sample.
        hidden: widths of the hidden layers.
        dropout: share of activations set to zero in training, in [0, 1).
        weights: draws the initial weights; without it they are left to be loaded.
        masks: draws the dropout masks, on the device that the network is on.
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Sequence[int],
        dropout: float,
        weights: torch.Generator | None = None,
        masks: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.architecture = {
            "network": "mlp",
            "shape": list(shape),
            "hidden": list(hidden),
            "dropout": dropout,
        }
        layers: list[nn.Module] = [nn.Flatten()]
        for layer in linear_layers([math.prod(shape), *hidden, 1], weights):
            layers += [layer, nn.ReLU(), Dropout(dropout, masks)]
        self.layers = nn.Sequential(*layers[:-2])

    def forward(self, samples: Tensor) -> Tensor:
        """Samples [N, *shape] to logits [N, 1]."""
        logits: Tensor = self.layers(samples)
        return logits


GENERATORS = {"mlp": Generator}
DISCRIMINATORS = {"mlp": Discriminator}


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) with a random generator of its own, which PyTorch's cannot take.

    In training, each activation is set to zero with probability ``p``, the others are divided by 1 - p.
    """

    def __init__(self, p: float, masks: torch.Generator | None) -> None:
        super().__init__()
        self.p = p
        self.masks = masks

    def forward(self, x: Tensor) -> Tensor:
        """Drop activations of ``x``, of any shape; out of training, or with p = 0, ``x`` as it is."""
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(x.shape, generator=self.masks, device=x.device) >= self.p
        return x * (kept * (1 / (1 - self.p)))


def linear_layers(widths: Sequence[int], weights: torch.Generator | None) -> Iterator[nn.Linear]:
    """The linear layers between ``widths``, initialised by :func:`initialise`."""
    for inputs, outputs in pairwise(widths):
        yield initialise(skip_init(nn.Linear, inputs, outputs), weights)


L = TypeVar("L", nn.Linear, nn.Conv2d)


def initialise(layer: L, weights: torch.Generator | None) -> L:
    """Draw PyTorch's default initial weights, uniform within ±1/√fan_in, from a generator of one's own."""
    if weights is not None and layer.bias is not None:
        bound = 1 / math.sqrt(layer.weight[0].numel())
        with torch.no_grad():
            layer.weight.uniform_(-bound, bound, generator=weights)
            layer.bias.uniform_(-bound, bound, generator=weights)
    return layer
