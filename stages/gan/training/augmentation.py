"""Random augmentation of the discriminator's input, so that it does not memorise a small data set.

DiffAugment (Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training). The changes are
differentiable, so the generator's gradient passes through them. Real and generated samples are both changed,
so the generator does not learn to draw the changes themselves.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from stages.gan.core.randomness import RandomRows

_SHIFT = 1 / 8  # largest translation, as a share of the side
_HOLE = 1 / 2  # side of the cutout, as a share of the image's side


def augment(images: Tensor, kinds: Sequence[str], random: RandomRows) -> Tensor:
    """Apply the random changes named in ``kinds`` to images; returns images of the same shape.

    The order is that of :data:`KINDS`, as in the paper, whatever the order of ``kinds``. The results of
    ``color`` may lie outside [-1, 1].

    Args:
        images: [N, C, H, W] in [-1, 1].
        kinds: keys of :data:`KINDS`.
        random: draws the changes, independently for each image.
    """
    for kind, change in KINDS.items():
        if kind in kinds:
            images = change(images, random)
    return images


def flip(images: Tensor, random: RandomRows) -> Tensor:
    """Mirror each image [C, H, W] left to right, with probability 1/2."""
    mirrored = random.uniform(len(images), 1, 1, 1) < 0.5
    return torch.where(mirrored, images.flip(3), images)


def color(images: Tensor, random: RandomRows) -> Tensor:
    """Change brightness by -0.5 to 0.5, then saturation by a factor 0 to 2, then contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = random.uniform(len(images), 3, 1, 1, 1).unbind(1)
    images = images + (brightness - 0.5)
    if images.shape[1] > 1:  # a grey image has no saturation
        grey = images.mean(1, keepdim=True)
        images = (images - grey) * (2 * saturation) + grey
    level = images.mean((1, 2, 3), keepdim=True)
    return (images - level) * (contrast + 0.5) + level


def translation(images: Tensor, random: RandomRows) -> Tensor:
    """Move each image by whole pixels, up to 1/8 of each side; the uncovered border is 0, mid-grey."""
    down, right = random.uniform(len(images), 2).unbind(1)
    height, width = images.shape[2:]
    return _shift(height, down).to(images) @ images @ _shift(width, right).to(images).mT


def cutout(images: Tensor, random: RandomRows) -> Tensor:
    """Set a rectangle of half the image's sides to 0, mid-grey; it may reach over the edge."""
    above, left = random.uniform(len(images), 2).unbind(1)
    height, width = images.shape[2:]
    hole = _span(height, above)[:, None, :, None] & _span(width, left)[:, None, None, :]
    return images * ~hole


def _shift(side: int, drawn: Tensor) -> Tensor:
    """Matrices [N, 1, side, side] that move an image along one side, by a uniformly chosen number of pixels.

    Each row has at most one 1, and 0 elsewhere, so the product and its derivatives are exact on every device.

    Args:
        side: pixels of the side.
        drawn: [N], uniform in [0, 1).
    """
    most = int(side * _SHIFT + 0.5)
    places = (drawn * (2 * most + 1)).long() - most
    at = torch.arange(side, device=drawn.device)
    return (at[:, None] - at[None, :] == places[:, None, None])[:, None]


def _span(side: int, drawn: Tensor) -> Tensor:
    """Masks [N, side] of the pixels in a span of half the side, around a place given by ``drawn`` [N]."""
    size = int(side * _HOLE + 0.5)
    begin = (drawn * (side + 1 - size % 2)).long() - size // 2
    at = torch.arange(side, device=drawn.device)
    return (at >= begin[:, None]) & (at < begin[:, None] + size)


KINDS: Mapping[str, Callable[[Tensor, RandomRows], Tensor]] = {
    "flip": flip,
    "color": color,
    "translation": translation,
    "cutout": cutout,
}
