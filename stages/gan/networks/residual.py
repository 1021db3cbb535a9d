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
_MOST_WEIGHTS = 2**25  # attention weights computed at once, when no gradient is needed
_SLOPE = 0.2  # slope of LeakyReLU below 0


class ResidualGenerator(nn.Module):
    """A residual generator: latent points [N, latent] to images [N, *shape] in [-1, 1].

    Like SNGAN's (Miyato et al. 2018, table 4), but without batch normalisation, so a sample depends only on
    its own latent point. A linear layer makes small maps; each residual block (He et al. 2016, with the
    activation first) enlarges them to the next size; LeakyReLU, a 3x3 convolution and Tanh follow. The sizes
    result from halving the image's size repeatedly, rounded up, so images of any size can be made.

    Args:
        latent: dimensions of the latent space, in which points are standard normal.
        channels: number of maps after the linear layer, then after each block.
        shape: (C, H, W) of an image.
        attention: apply self-attention before the last block; see :class:`Attention`.
        weights: draws the initial weights; if None, they are left to be loaded.
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
        """Map latent points [N, latent] to images [N, *shape]."""
        images: Tensor = self.layers(self.first(latents))
        return images


class ResidualDiscriminator(nn.Module):
    """A residual discriminator: images [N, *shape] to one logit each, [N, 1].

    Like SNGAN's (Miyato et al. 2018, table 4): each block halves the sides, rounding up; LeakyReLU and a
    linear layer on all values of the last maps follow. There is no batch normalisation.

    Args:
        shape: (C, H, W) of an image, with values in [-1, 1].
        channels: number of maps after the first convolution, then after each block.
        spectral_norm: divide each layer's weights by their largest singular value (Miyato et al. 2018).
        attention: apply self-attention after the first block; see :class:`Attention`.
        weights: draws the initial weights; if None, they are left to be loaded.
        masks: not used, as there is no dropout.
        rows: not used either.
        classes: number of classes that it is conditioned on; 0: none. See
            :class:`stages.gan.core.layers.Logits`.
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
        """Map images [N, *shape], and one-hot rows [N, C] of their classes if given, to logits [N, 1]."""
        logits: Tensor = self.logits(self.layers(samples), classes)
        return logits


class Attention(nn.Module):
    """Self-attention over the places of an image's maps (Zhang et al. 2019, SAGAN, equations 1 to 3).

    To each place, a weighted mean over all places is added, scaled by γ. γ is learned and begins at 0, so
    attention has no effect at first.

    Args:
        channels: number of maps.
        weights: draws the initial weights; if None, they are left to be loaded.
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
        """Map [N, C, H, W] to the same shape."""
        traced = torch.jit.is_tracing()  # type: ignore[attr-defined]
        if torch.is_grad_enabled() or torch.compiler.is_exporting() or traced:
            return self._attend(maps)  # not in parts: an exported network takes any N
        at_once = max(1, _MOST_WEIGHTS // math.prod(maps.shape[2:]) ** 2)
        return torch.cat([self._attend(part) for part in maps.split(at_once)])

    def _attend(self, maps: Tensor) -> Tensor:
        query, key, value = (layer(maps).flatten(2) for layer in (self.query, self.key, self.value))
        attention = (query.mT @ key).softmax(2)  # weights of all places for each place
        seen = (value @ attention.mT).unflatten(2, maps.shape[2:])
        return torch.add(maps, self.gamma * self.out(seen))


class _Block(nn.Module):
    """A residual block: two 3x3 convolutions, each after an activation, plus a 1x1 convolution as shortcut.

    Args:
        inputs: number of input maps.
        outputs: number of output maps.
        resize: enlarges the maps before the convolutions, or halves them afterwards (:func:`halve`).
        weights: draws the initial weights; if None, they are left to be loaded.
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
        """Map [N, inputs, H, W] to [N, outputs, …] with enlarged or halved sides."""
        active = leaky_relu(maps, _SLOPE)
        if self._resize is halve:
            inner = self.second(leaky_relu(self.first(active), _SLOPE))
            return torch.add(halve(inner), self.around(halve(maps)))
        inner = self.second(leaky_relu(self.first(self._resize(active)), _SLOPE))
        return torch.add(inner, self._resize(self.around(maps)))


def halve(maps: Tensor) -> Tensor:
    """Halve the sides of maps [N, C, H, W], rounding up: the means of 2x2 places."""
    return avg_pool2d(maps, 2, ceil_mode=True)


def enlarge(size: Size) -> Callable[[Tensor], Tensor]:
    """A function that enlarges maps to a size (H, W) by repeating each place, about twice along each side."""
    return partial(interpolate, size=size)


def halvings(shape: Sequence[int], count: int) -> list[Size]:
    """The size (H, W) of an image (C, H, W), then ``count`` sizes, each half of the last, rounded up."""
    sizes = [(shape[1], shape[2])]
    for _ in range(count):
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes
