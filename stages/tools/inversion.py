"""Inversion of a generator: the search for the latent point whose sample is nearest to a picture."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stages.gan.core.adam import Adam
from stages.gan.core.conditional import with_classes
from stages.gan.core.datasets import normalize
from stages.gan.core.numbering import block_size
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import sampling

_LR, _BETAS = 0.1, (0.9, 0.999)


@dataclass(frozen=True)
class Found:
    """A latent point and its sample.

    Attributes:
        latent: float32 [latent]; for a conditional generator it ends with the one-hot row of the class.
        image: the sample, uint8 [C, H, W].
        distance: root mean square difference of the sample from the picture, in grey levels.
        label: the class, for a conditional generator.
        length: of the latent point without the class, relative to the usual one.
    """

    latent: Tensor
    image: Tensor
    distance: float
    label: int | None
    length: float


def labels(generator: nn.Module) -> list[int | None]:
    """The classes of a generator; only None if it is not conditional."""
    counts: Sequence[int] = getattr(generator, "counts", ())
    return [number for number, samples in enumerate(counts) if samples] or [None]


def distances(images: Tensor, picture: Tensor) -> Tensor:
    """Root mean square differences [N] of images, uint8 [N, C, H, W], from a picture, in grey levels."""
    return (images.double() - picture.double()).square().flatten(1).mean(1).sqrt()


def nearest(
    generator: nn.Module,
    picture: Tensor,
    labels: Sequence[int | None],
    starts: int,
    steps: int,
    seed: int,
    stepped: Callable[[], object],
) -> Found:
    """Search for the nearest sample from several random latent points, by Adam on the mean squared error.

    Creswell & Bharath 2018 (Inverting the generator of a generative adversarial network); Lipton & Tripathi
    2017 (Precise recovery of latent vectors from generative adversarial networks). All classes start from the
    same points, and the result for one class does not depend on the others.

    Args:
        generator: a generator of images, in evaluation mode.
        picture: uint8 [C, H, W].
        labels: the classes to try; only None if the generator is not conditional.
        starts: number of random latent points to start from.
        steps: number of Adam's steps from each start.
        seed: the starts are drawn from it.
        stepped: called after each step of a block of starts; see :func:`work`.

    Returns:
        The nearest sample of all.
    """
    counts: Sequence[int] = getattr(generator, "counts", ())
    size = int(generator.latent) - len(counts)  # type: ignore[arg-type]
    points = torch.randn(starts, size, generator=random_generator(seed, "invert"))
    best: Found | None = None
    for label in labels:
        for block in points.split(block_size(picture.shape)):
            told = None if label is None else torch.full((len(block),), label)
            latents = _descended(generator, block, told, len(counts), picture, steps, stepped)
            images = sampling.draw(generator, latents)
            away = distances(images, picture)
            first = int(away.argmin())
            distance = away[first].item()
            if best is None or distance < best.distance:
                length = latents[first, :size].norm().item() / math.sqrt(size)
                best = Found(latents[first], images[first], distance, label, length)
    assert best is not None
    return best


def work(shape: Sequence[int], labels: int, starts: int, steps: int) -> int:
    """The number of steps that :func:`nearest` makes; each is for a block of starts."""
    return labels * -(-starts // block_size(shape)) * steps


def _descended(
    generator: nn.Module,
    starts: Tensor,
    labels: Tensor | None,
    classes: int,
    picture: Tensor,
    steps: int,
    stepped: Callable[[], object],
) -> Tensor:
    """The best latent points [N, latent] on Adam's ways from these starts, followed by their classes."""
    device = next(generator.parameters()).device
    points = nn.Parameter(starts.to(device, copy=True))
    target = normalize(picture.unsqueeze(0)).to(device)
    told = None if labels is None else labels.to(device)

    def whole(points: Tensor) -> Tensor:
        return points if told is None else with_classes(points, told, classes)

    best, lowest = points.detach().clone(), torch.full((len(starts),), math.inf, device=device)
    adam = Adam([points], _BETAS)
    for step in range(steps):
        errors = (generator(whole(points)) - target).square().flatten(1).mean(1)
        better = errors.detach() < lowest
        best = torch.where(better.unsqueeze(1), points.detach(), best)
        lowest = torch.where(better, errors.detach(), lowest)
        adam.step(errors.sum(), _LR * (1 + math.cos(math.pi * step / steps)) / 2)
        stepped()
    return whole(best).cpu()
