"""Layers whose initial weights come from a random generator of one's own."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import skip_init


def linear_layers(widths: Sequence[int], weights: torch.Generator | None) -> Iterator[nn.Linear]:
    """The linear layers between ``widths``, initialised by :func:`initialise`."""
    for inputs, outputs in pairwise(widths):
        yield initialise(skip_init(nn.Linear, inputs, outputs), weights)


L = TypeVar("L", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def initialise(layer: L, weights: torch.Generator | None) -> L:
    """Draw PyTorch's default initial weights, uniform within ±1/√fan_in, from a generator of one's own."""
    if weights is not None and layer.bias is not None:
        bound = 1 / math.sqrt(layer.weight[0].numel())
        with torch.no_grad():
            layer.weight.uniform_(-bound, bound, generator=weights)
            layer.bias.uniform_(-bound, bound, generator=weights)
    return layer
