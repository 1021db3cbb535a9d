"""The residual generator and discriminator, for images of any size."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from stages.gan.core.layers import Logits, apply_spectral_norm, linear_layers, make_layer
from stages.gan.core.params.types import Levels

Size = tuple[int, int]
_MOST_WEIGHTS = 2**25  # of places to places, at once, where nothing is learned
_SLOPE = 0.2  # of LeakyReLU below 0


class ResidualGenerator(nn.Module):
    """A residual generator: latent points [N, latent] to images [N, *shape] in [-1, 1].

    As SNGAN's (Miyato et al. 2018, table 4), without batch normalisation, so that a sample depends on its own
    latent point alone: a linear layer makes small maps, each block (He et al. 2016, with the activation
    first) enlarges their sides to those of the next size, LeakyReLU, a 3x3 convolution and Tanh end it. The
    sizes are the image's, halved again and again and rounded up, so that any image can be made.

    Args:
        latent: dimensions of the latent space, in which points are standard normal.
        channels: of the maps that the linear layer makes, and then of what each block makes.
        shape: (C, H, W) of an image.
        attention: whether maps attend to each other before the last block; see :class:`Attention`.
        weights: draws the initial weights; without it they are left to be loaded.
    """

    def __init__(
        self,
        latent: int,
        channels: Levels,
        shape: Sequence[int],
        attention: bool = False,
        weights: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.architecture = {
            "network": "residual",
            "latent": latent,
            "channels": list(channels),
            "shape": list(shape),
            "attention": attention,
        }
        self.latent = latent
        sizes = halvings(shape, len(channels) - 1)[::-1]
        small = (channels[0], *sizes[0])
        self.first = nn.Sequential(
            *linear_layers([latent, math.prod(small)], weights), nn.Unflatten(1, small)
        )
        blocks: list[nn.Module] = []
        for (inputs, outputs), size in zip(pairwise(channels), sizes[1:], strict=True):
            if attention and size == sizes[-1]:
                blocks.append(Attention(inputs, weights))
            blocks.append(_Block(inputs, outputs, enlarge(size), weights))
        last = make_layer(nn.Conv2d, weights, channels[-1], shape[0], kernel_size=3, padding=1)
        self.layers = nn.Sequential(*blocks, nn.LeakyReLU(_SLOPE), last, nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        """Latent points [N, latent] to images [N, *shape]."""
        images: Tensor = self.layers(self.first(latents))
        return images


class ResidualDiscriminator(nn.Module):
    """A residual discriminator: images [N, *shape] to one logit each, [N, 1].

    As SNGAN's (Miyato et al. 2018, table 4): each block halves the sides, rounding up; LeakyReLU
    and a linear layer of all that is left end it. There is no batch normalisation.

    Args:
        shape: (C, H, W) of an image.
        channels: of the maps that the first convolution makes, and then of what each block makes.
        spectral_norm: divide each layer's weights by its largest singular value (Miyato et al. 2018).
        attention: whether maps attend to each other after the first block; see :class:`Attention`.
        weights: draws the initial weights; without it they are left to be loaded.
        masks: not used: there is no dropout.
        rows: not used either.
        classes: that it is told; see :class:`stages.gan.core.layers.Logits`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Levels,
        spectral_norm: bool = False,
        attention: bool = False,
        weights: torch.Generator | None = None,
        masks: torch.Generator | None = None,
        rows: slice = slice(0, None, 1),
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.architecture = {
            "network": "residual",
            "shape": list(shape),
            "channels": list(channels),
            "spectral_norm": spectral_norm,
            "attention": attention,
            **({"classes": classes} if classes else {}),
        }
        first = make_layer(nn.Conv2d, weights, shape[0], channels[0], kernel_size=3, padding=1)
        layers: list[nn.Module] = [first]
        for number, (inputs, outputs) in enumerate(pairwise(channels)):
            layers.append(_Block(inputs, outputs, halve, weights))
            if attention and number == 0:
                layers.append(Attention(outputs, weights))
        height, width = halvings(shape, len(channels) - 1)[-1]
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(_SLOPE), nn.Flatten())
        self.logits = Logits(channels[-1] * height * width, classes, weights)
        if spectral_norm:
            apply_spectral_norm(self, weights)

    def forward(self, samples: Tensor, classes: Tensor | None = None) -> Tensor:
        """Images [N, *shape], with one-hot rows of their classes [N, C] if it is told, to logits [N, 1]."""
        logits: Tensor = self.logits(self.layers(samples), classes)
        return logits


class Attention(nn.Module):
    """Self-attention over an image's places (Zhang et al. 2019, SAGAN, equations 1 to 3).

    Each place takes a weighted mean of what all others have; it begins with a weight of 0, γ, and learns to
    use it.

    Args:
        channels: of the maps.
        weights: draws the initial weights; without it they are left to be loaded.
    """

    def __init__(self, channels: int, weights: torch.Generator | None = None) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.query, self.key, self.value = (
            make_layer(nn.Conv2d, weights, channels, outputs, kernel_size=1) for outputs in (few, few, half)
        )
        self.out = make_layer(nn.Conv2d, weights, half, channels, kernel_size=1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, C, H, W] to the same."""
        traced = torch.jit.is_tracing()  # type: ignore[attr-defined]
        if torch.is_grad_enabled() or torch.compiler.is_exporting() or traced:
            return self._attend(maps)  # all at once: what is exported is for any number
        at_once = max(1, _MOST_WEIGHTS // math.prod(maps.shape[2:]) ** 2)
        return torch.cat([self._attend(part) for part in maps.split(at_once)])

    def _attend(self, maps: Tensor) -> Tensor:
        query, key, value = (layer(maps).flatten(2) for layer in (self.query, self.key, self.value))
        attention = (query.mT @ key).softmax(2)  # of each place to all
        seen = (value @ attention.mT).unflatten(2, maps.shape[2:])
        return torch.add(maps, self.gamma * self.out(seen))


class _Block(nn.Module):
    """A residual block: two 3x3 convolutions, each after its activation, beside a way around them.

    Args:
        inputs: maps that come in.
        outputs: maps that go out.
        resize: enlarges maps, before the convolutions, or halves them, after these.
        weights: draws the initial weights; without it they are left to be loaded.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        resize: Callable[[Tensor], Tensor],
        weights: torch.Generator | None,
    ) -> None:
        super().__init__()
        self.first = make_layer(nn.Conv2d, weights, inputs, outputs, kernel_size=3, padding=1)
        self.second = make_layer(nn.Conv2d, weights, outputs, outputs, kernel_size=3, padding=1)
        self.around = make_layer(nn.Conv2d, weights, inputs, outputs, kernel_size=1)
        self._resize = resize

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, inputs, H, W] to [N, outputs, …]."""
        active = leaky_relu(maps, _SLOPE)
        if self._resize is halve:
            inner = self.second(leaky_relu(self.first(active), _SLOPE))
            return torch.add(halve(inner), self.around(halve(maps)))
        inner = self.second(leaky_relu(self.first(self._resize(active)), _SLOPE))
        return torch.add(inner, self._resize(self.around(maps)))


def halve(maps: Tensor) -> Tensor:
    """Maps [N, C, H, W] with half the sides, rounded up: the means of 2x2 places."""
    return avg_pool2d(maps, 2, ceil_mode=True)


def enlarge(size: Size) -> Callable[[Tensor], Tensor]:
    """What makes maps of a size from those of half of it: each place four times."""
    return partial(interpolate, size=size)


def halvings(shape: Sequence[int], count: int) -> list[Size]:
    """The size (H, W) of an image (C, H, W), and those that come of halving it so often, rounding up."""
    sizes = [(shape[1], shape[2])]
    for _ in range(count):
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes
