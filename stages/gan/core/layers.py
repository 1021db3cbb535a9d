"""Layers whose initial weights come from a random generator that is given."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as normalised

from stages.gan.core.products import Linear
from stages.gan.core.randomness import RandomRows

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
    if weights is not None:
        bound = 1 / math.sqrt(made.weight[0].numel())
        with torch.no_grad():
            for values in made.parameters():  # its weights, then its biases
                values.uniform_(-bound, bound, generator=weights)
    return made


def linear_layers(widths: Sequence[int], weights: torch.Generator | None) -> Iterator[nn.Linear]:
    """The linear layers between ``widths``; see :func:`make_layer`."""
    for inputs, outputs in pairwise(widths):
        yield make_layer(Linear, weights, inputs, outputs)


def apply_spectral_norm(network: nn.Module, weights: torch.Generator | None) -> None:
    """Divide each layer's weights by their largest singular value, whose estimate starts from ``weights``."""
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    with torch.random.fork_rng(devices=[]):  # PyTorch starts them from the global generator
        if weights is not None:
            torch.manual_seed(int(torch.randint(2**62, (), generator=weights)))
        for layer in layers:
            normalised(layer)


class Logits(nn.Module):
    """What ends a discriminator: a linear layer, and where it is told the class, a projection.

    Miyato & Koyama 2018 (cGANs with projection discriminator), equation 3: to the logit comes the inner
    product of the features with an embedding of the class.

    Args:
        features: how many there are.
        classes: likewise; 0: it is not told.
        weights: draws the initial weights; without it they are left to be loaded.
    """

    def __init__(self, features: int, classes: int, weights: torch.Generator | None = None) -> None:
        super().__init__()
        self.linear = make_layer(Linear, weights, features, 1)
        self.embedding = make_layer(Linear, weights, features, classes, bias=False) if classes else None

    def forward(self, features: Tensor, classes: Tensor | None = None) -> Tensor:
        """Features [N, F], with one-hot rows [N, C] if it is told, to logits [N, 1]."""
        logits: Tensor = self.linear(features)
        if self.embedding is None or classes is None:
            return logits
        of_classes = self.embedding(features) * classes  # with all embeddings; that of its class is left
        return torch.add(logits, of_classes.sum(1, keepdim=True))


class RandomLayer(nn.Module):
    """A layer that draws random numbers in training: the base of those in ``custom.py``, too.

    Attributes:
        random: draws them from the run's seed; it is given by who builds the network for a training.
    """

    random: RandomRows


class Dropout(RandomLayer):
    """Dropout (Srivastava et al. 2014) that draws from a generator of its own.

    Args:
        p: probability with which a value is set to zero in training; the others are divided by 1 - p.
        whole: how many dimensions of a batch a value of the mask is for: 2 (rows and channels) for images
            whose maps are dropped as a whole; None for all.
    """

    def __init__(self, p: float, whole: int | None = None) -> None:
        super().__init__()
        self.p = p
        self._whole = whole

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of ``x`` [N, …] in training."""
        if not self.training or self.p == 0:
            return x
        kept = x.shape[1 : self._whole]
        mask = self.random.uniform(len(x), *kept, *[1] * (x.dim() - 1 - len(kept))) >= self.p
        return x * mask / (1 - self.p)
