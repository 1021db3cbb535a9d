"""The convolutional generator and discriminator, for images."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from stages.gan.core.layers import Logits, apply_spectral_norm, linear_layers, make_layer
from stages.gan.core.params.types import EvenHalvings, Halvings
from stages.runtime.errors import UserError


class ConvGenerator(nn.Module):
    """A convolutional generator: latent points [N, latent] to images [N, *shape] in [-1, 1].

    As in DCGAN (Radford et al. 2016): a linear layer makes small maps, transposed convolutions (4x4) double
    their sides up to the image's, ReLU between them, Tanh at the end. A convolution (3x3) goes before, where
    maps are smallest and it costs least. There is no batch normalisation, so that a sample depends on its
    own latent point alone.

    Args:
        latent: dimensions of the latent space, in which points are standard normal.
        channels: of the maps before each doubling, the smallest maps' first.
        shape: (C, H, W) of an image; both sides can be halved once for each of ``channels``.
        subpixel: double the last time by a 3x3 convolution that makes each square of 2x2 pixels as 4 maps
            (Shi et al. 2016, section 2.2), which CPUs compute sooner than a transposed one to few maps.
        weights: draws the initial weights; without it they are left to be loaded.

    Raises:
        UserError: the sides cannot be halved so often.
    """

    def __init__(
        self,
        latent: int,
        channels: EvenHalvings,
        shape: Sequence[int],
        subpixel: bool = False,
        weights: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.architecture = {
            "network": "conv",
            "latent": latent,
            "channels": list(channels),
            "shape": list(shape),
            "subpixel": subpixel,
        }
        self.latent = latent
        times = 2 ** len(channels)
        _, height, width = shape
        if height % times or width % times:
            raise UserError(
                f"generator.channels: {len(channels)} are too many for images of {height}x{width}: "
                "both sides must halve evenly once for each"
            )
        small = (channels[0], height // times, width // times)
        (first,) = linear_layers([latent, math.prod(small)], weights)
        mix = make_layer(nn.Conv2d, weights, channels[0], channels[0], kernel_size=3, padding=1)
        layers: list[nn.Module] = [first, nn.Unflatten(1, small), nn.ReLU(), mix]
        for inputs, outputs in pairwise(channels if subpixel else [*channels, shape[0]]):
            larger = make_layer(
                nn.ConvTranspose2d, weights, inputs, outputs, kernel_size=4, stride=2, padding=1
            )
            layers += [nn.ReLU(), larger]
        if subpixel:
            squares = make_layer(nn.Conv2d, weights, channels[-1], 4 * shape[0], kernel_size=3, padding=1)
            layers += [nn.ReLU(), squares, nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        """Latent points [N, latent] to images [N, *shape]."""
        images: Tensor = self.layers(latents)
        return images


class ConvDiscriminator(nn.Module):
    """A convolutional discriminator: images [N, *shape] to one logit each, [N, 1].

    As in DCGAN (Radford et al. 2016): 4x4 convolutions halve the sides, LeakyReLU (0.2) follows each, a
    linear layer ends it. There is no batch normalisation.

    Args:
        shape: (C, H, W) of an image.
        channels: of the maps after each halving, which rounds down.
        subpixel: halve the first time by taking each square of 2x2 pixels as 4 maps, which a 3x3 convolution
            sees: the way back of the generator's.
        spectral_norm: divide each layer's weights by its largest singular value (Miyato et al. 2018).
        weights: draws the initial weights; without it they are left to be loaded.
        masks: not used: there is no dropout.
        rows: not used either.
        classes: that it is told; see :class:`stages.gan.core.layers.Logits`.

    Raises:
        UserError: halving leaves nothing of an image, or its squares of 2x2 pixels do.
    """

    def __init__(
        self,
        shape: Sequence[int],
        channels: Halvings,
        subpixel: bool = False,
        spectral_norm: bool = False,
        weights: torch.Generator | None = None,
        masks: torch.Generator | None = None,
        rows: slice = slice(0, None, 1),
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.architecture = {
            "network": "conv",
            "shape": list(shape),
            "channels": list(channels),
            "subpixel": subpixel,
            "spectral_norm": spectral_norm,
            **({"classes": classes} if classes else {}),
        }
        height, width = (side // 2 ** len(channels) for side in shape[1:])
        if height < 1 or width < 1:
            raise UserError(
                f"discriminator.channels: {len(channels)} are too many for images of {shape[1]}x{shape[2]}: "
                "halving leaves nothing of them"
            )
        layers: list[nn.Module] = []
        if subpixel:
            if shape[1] % 2 or shape[2] % 2:
                raise UserError(
                    f"discriminator.subpixel: images of {shape[1]}x{shape[2]} do not consist of squares of "
                    "2x2 pixels; set it to false"
                )
            squares = make_layer(nn.Conv2d, weights, 4 * shape[0], channels[0], kernel_size=3, padding=1)
            layers += [nn.PixelUnshuffle(2), squares, nn.LeakyReLU(0.2)]
        for inputs, outputs in pairwise(channels if subpixel else [shape[0], *channels]):
            down = make_layer(nn.Conv2d, weights, inputs, outputs, kernel_size=4, stride=2, padding=1)
            layers += [down, nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.logits = Logits(channels[-1] * height * width, classes, weights)
        if spectral_norm:
            apply_spectral_norm(self, weights)

    def forward(self, samples: Tensor, classes: Tensor | None = None) -> Tensor:
        """Images [N, *shape], with one-hot rows of their classes [N, C] if it is told, to logits [N, 1]."""
        logits: Tensor = self.logits(self.layers(samples), classes)
        return logits
