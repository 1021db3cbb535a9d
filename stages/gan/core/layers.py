"""Layers whose initial weights come from a given random generator."""

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
        weights: draws the initial weights; None: they are loaded later.
        arguments: positional arguments of the class.
        named: keyword arguments of the class.
    """
    with torch.random.fork_rng(devices=()):  # the class draws weights from the global generator
        made = kind(*arguments, **named)
    if weights is not None:
        bound = 1 / math.sqrt(made.weight[0].numel())
        with torch.no_grad():
            for values in made.parameters():  # the weights, then the biases
                values.uniform_(-bound, bound, generator=weights)
    return made


def linear_layers(widths: Sequence[int], weights: torch.Generator | None) -> Iterator[nn.Linear]:
    """The linear layers between each width and the next; see :func:`make_layer` for ``weights``."""
    for inputs, outputs in pairwise(widths):
        yield make_layer(Linear, weights, inputs, outputs)


def apply_spectral_norm(network: nn.Module, weights: torch.Generator | None) -> None:
    """Divide each layer's weights by their largest singular value (Miyato et al. 2018).

    This applies to all ``Conv2d`` and ``Linear`` layers of the network. PyTorch estimates the singular value;
    the estimate starts from vectors that ``weights`` decides (None: they are loaded later).
    """
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    with torch.random.fork_rng(devices=[]):  # PyTorch draws these vectors from the global generator
        if weights is not None:
            torch.manual_seed(int(torch.randint(2**62, (), generator=weights)))
        for layer in layers:
            normalised(layer)


class Logits(nn.Module):
    """The last layer of a discriminator: linear, with a projection if it is conditioned on the class.

    Miyato & Koyama 2018 (cGANs with projection discriminator), equation 3: the inner product of the features
    and an embedding of the class is added to the logit.

    Args:
        features: number of features.
        classes: number of classes; 0: the discriminator is not conditioned on the class.
        weights: draws the initial weights; None: they are loaded later.
    """

    def __init__(self, features: int, classes: int, weights: torch.Generator | None = None) -> None:
        super().__init__()
        self.linear = make_layer(Linear, weights, features, 1)
        self.embedding = make_layer(Linear, weights, features, classes, bias=False) if classes else None

    def forward(self, features: Tensor, classes: Tensor | None = None) -> Tensor:
        """Features [N, F], and the classes as one-hot rows [N, C] if they are given, to logits [N, 1]."""
        logits: Tensor = self.linear(features)
        if self.embedding is None or classes is None:
            return logits
        of_classes = self.embedding(features) * classes  # one product per class; only the sample's own stays
        return torch.add(logits, of_classes.sum(1, keepdim=True))


class RandomLayer(nn.Module):
    """The base of all layers that draw random numbers in training, those in ``custom.py`` included.

    Attributes:
        random: draws the numbers, from the run's seed; set when the network is built for a training.
    """

    random: RandomRows


class Dropout(RandomLayer):
    """Dropout (Srivastava et al. 2014) that draws from :attr:`random`, not from PyTorch's global generator.

    Args:
        p: probability, in [0, 1), that a value is set to zero in training; the others are divided by 1 - p.
        whole: along how many leading dimensions of a batch the mask varies: 2 (rows and channels) drops whole
            maps of images; None (all dimensions) drops single values.
    """

    def __init__(self, p: float, whole: int | None = None) -> None:
        super().__init__()
        self.p = p
        self._whole = whole

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of ``x`` [N, …] in training; otherwise return ``x``."""
        if not self.training or self.p == 0:
            return x
        kept = x.shape[1 : self._whole]
        mask = self.random.uniform(len(x), *kept, *[1] * (x.dim() - 1 - len(kept))) >= self.p
        return x * mask / (1 - self.p)
