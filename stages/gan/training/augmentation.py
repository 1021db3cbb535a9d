"""Random changes of what the discriminator sees, so that it cannot learn few data by heart.

DiffAugment (Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training): as the changes
can be differentiated, the generator learns through them, and as both kinds of samples get them, it does not
learn to draw them.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from stages.gan.core.randomness import RandomRows

_SHIFT = 1 / 8  # of a side, at most
_HOLE = 1 / 2  # of a side


def augment(images: Tensor, kinds: Sequence[str], random: RandomRows) -> Tensor:
    """Images [N, C, H, W] in [-1, 1] with random changes of the ``kinds``, in the paper's order.

    Args:
        images: as the networks see them.
        kinds: of :data:`KINDS`.
        random: draws what changes, for each image anew.
    """
    for kind, change in KINDS.items():
        if kind in kinds:
            images = change(images, random)
    return images


def flip(images: Tensor, random: RandomRows) -> Tensor:
    """Every second image, by chance, mirrored left to right."""
    mirrored = random.uniform(len(images), 1, 1, 1) < 0.5
    return torch.where(mirrored, images.flip(3), images)


def color(images: Tensor, random: RandomRows) -> Tensor:
    """Brightness ±0.5, saturation times 0 to 2 and contrast times 0.5 to 1.5, in this order."""
    brightness, saturation, contrast = random.uniform(len(images), 3, 1, 1, 1).unbind(1)
    images = images + (brightness - 0.5)
    if images.shape[1] > 1:  # a grey image has none
        grey = images.mean(1, keepdim=True)
        images = (images - grey) * (2 * saturation) + grey
    level = images.mean((1, 2, 3), keepdim=True)
    return (images - level) * (contrast + 0.5) + level


def translation(images: Tensor, random: RandomRows) -> Tensor:
    """Moved by up to an eighth of the sides, whole pixels; what comes in is 0, mid-grey."""
    down, right = random.uniform(len(images), 2).unbind(1)
    height, width = images.shape[2:]
    return _shift(height, down).to(images) @ images @ _shift(width, right).to(images).mT


def cutout(images: Tensor, random: RandomRows) -> Tensor:
    """A rectangle of half the sides, anywhere, is 0, mid-grey; it may reach over the edge."""
    above, left = random.uniform(len(images), 2).unbind(1)
    height, width = images.shape[2:]
    hole = _span(height, above)[:, None, :, None] & _span(width, left)[:, None, None, :]
    return images * ~hole


def _shift(side: int, drawn: Tensor) -> Tensor:
    """The matrices [N, 1, side, side] that move columns by -most to most places, each as likely.

    A product with rows of one 1 and else 0 is exact, and so are its derivatives, on every device.
    """
    most = int(side * _SHIFT + 0.5)
    places = (drawn * (2 * most + 1)).long() - most
    at = torch.arange(side, device=drawn.device)
    return (at[:, None] - at[None, :] == places[:, None, None])[:, None]


def _span(side: int, drawn: Tensor) -> Tensor:
    """Which of a side's pixels are in a span of half of them around a place on it: [N, side]."""
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
