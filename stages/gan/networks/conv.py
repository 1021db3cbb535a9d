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

    As in DCGAN (Radford et al. 2016): a linear layer makes small maps, and transposed convolutions (4x4)
    double their sides until they have the image's, with ReLU in between and Tanh at the end. One convolution
    (3x3) comes first, where the maps are smallest and it costs least. There is no batch normalisation, so a
    sample depends only on its own latent point.

    Args:
        latent: dimensions of the latent space, in which points are standard normal.
        channels: number of maps before each doubling, from the smallest maps on.
        shape: (C, H, W) of an image; it must be possible to halve H and W once for each of ``channels``.
        subpixel: make the last doubling a 3x3 convolution whose 4 output maps are the pixels of each 2x2
            square (Shi et al. 2016, section 2.2). With few output maps, it is faster on a CPU than a
            transposed convolution.
        weights: draws the initial weights; if None, they are left to be loaded.

    Raises:
        UserError: H or W cannot be halved evenly so many times.
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
                "both sides must be halved evenly once for each; take fewer"
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
        """Map latent points [N, latent] to images [N, *shape]."""
        images: Tensor = self.layers(latents)
        return images


class ConvDiscriminator(nn.Module):
    """A convolutional discriminator: images [N, *shape] to one logit each, [N, 1].

    As in DCGAN (Radford et al. 2016): 4x4 convolutions halve the sides, each followed by LeakyReLU (0.2), and
    a linear layer gives the logit. There is no batch normalisation.

    Args:
        shape: (C, H, W) of an image, with values in [-1, 1].
        channels: number of maps after each halving; halving rounds down.
        subpixel: make the first halving the inverse of the generator's last doubling: the pixels of each 2x2
            square become 4 maps, and a 3x3 convolution follows.
        spectral_norm: divide each layer's weights by their largest singular value (Miyato et al. 2018).
        weights: draws the initial weights; if None, they are left to be loaded.
        masks: not used, as there is no dropout.
        rows: not used either.
        classes: number of classes that it is conditioned on; 0: none. See
            :class:`stages.gan.core.layers.Logits`.

    Raises:
        UserError: the image is too small for so many halvings, or ``subpixel`` is set and H or W is odd.
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
                "the sides are halved once for each; take fewer"
            )
        layers: list[nn.Module] = []
        if subpixel:
            if shape[1] % 2 or shape[2] % 2:
                raise UserError(
                    f"discriminator.subpixel: images of {shape[1]}x{shape[2]} do not consist of squares of "
                    "2x2 pixels, as a side is odd; set it to false"
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
        """Map images [N, *shape], and one-hot rows [N, C] of their classes if given, to logits [N, 1]."""
        logits: Tensor = self.logits(self.layers(samples), classes)
        return logits
