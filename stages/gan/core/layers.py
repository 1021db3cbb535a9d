"""Layers whose initial weights come from a random generator that is given."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import nn

from stages.gan.core.products import Linear

L = TypeVar("L", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def make_layer(kind: Callable[..., L], weights: torch.Generator | None, *arguments: Any, **named: Any) -> L:
    """Make a layer with PyTorch's default initial weights, uniform within ±1/√fan_in.

    Args:
        kind: the layer's class.
        weights: draws them; without it they are left to be loaded.
        arguments: of the layer's class.
        named: the same.
    """
    with torch.random.fork_rng(devices=()):  # the class draws weights from the global generator
        made = kind(*arguments, **named)
    if weights is not None and made.bias is not None:
        bound = 1 / math.sqrt(made.weight[0].numel())
        with torch.no_grad():
            made.weight.uniform_(-bound, bound, generator=weights)
            made.bias.uniform_(-bound, bound, generator=weights)
    return made


def linear_layers(widths: Sequence[int], weights: torch.Generator | None) -> Iterator[nn.Linear]:
    """The linear layers between ``widths``; see :func:`make_layer`."""
    for inputs, outputs in pairwise(widths):
        yield make_layer(Linear, weights, inputs, outputs)
