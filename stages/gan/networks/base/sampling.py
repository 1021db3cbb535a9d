"""Samples from a generator, each by its own number."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from stages.gan.core.datasets import denormalize
from stages.gan.core.randomness import generator as random_generator

BLOCK = 1000
_COMMON_SEED = 0  # not the run's: the points are the same for all runs with as large a latent space
COMMON_IMAGES, COMMON_POINTS = 25, 500


def samples(generator: nn.Module, seed: int, count: int) -> Iterator[Tensor]:
    """Yield ``count`` samples in blocks [B, *shape]: points float32, images uint8; on the CPU.

    Sample k depends on (seed, k) alone, to the bit: it is always computed in the same block of
    :data:`BLOCK` samples, however many are asked for, as matrix products round differently with another
    number of rows.

    Args:
        generator: a trained generator.
        seed: the run's seed.
        count: how many samples, from number 0 on.
    """
    for block in range(blocks(count)):
        points = latents(seed, block, generator.latent)  # type: ignore[arg-type]
        yield draw(generator, points)[: count - block * BLOCK]


def numbered(generator: nn.Module, seed: int, numbers: Sequence[int]) -> Tensor:
    """The samples of these numbers [N, *shape], in this order: the same bits as :func:`samples` yields.

    Args:
        generator: a trained generator.
        seed: the run's seed.
        numbers: which samples, each 0 or more.
    """
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(numbers):
        rows.setdefault(number // BLOCK, []).append(row)
    found: list[Tensor] = [torch.empty(0)] * len(numbers)
    for block, wanted in rows.items():
        drawn = draw(generator, latents(seed, block, generator.latent))  # type: ignore[arg-type]
        for row in wanted:
            found[row] = drawn[numbers[row] % BLOCK]
    return torch.stack(found)


def latent(seed: int, number: int, size: int) -> Tensor:
    """The latent point [size] of the sample with a number."""
    return latents(seed, number // BLOCK, size)[number % BLOCK]


def draw(generator: nn.Module, latents: Tensor) -> Tensor:
    """The generator's samples of latent points [N, latent], as data sets hold them, on the CPU.

    Points are float32 [N, D] in the data's units, images uint8 [N, C, H, W]. A generator in training is out
    of it meanwhile: what batches have in common, such as the batch normalisation's means, is not changed.
    """
    device = next(generator.parameters()).device
    training = generator.training
    generator.eval()
    with torch.no_grad():
        drawn = denormalize(generator(latents.to(device))).cpu()
    generator.train(training)
    return drawn


def blocks(count: int) -> int:
    """How many blocks ``count`` samples come in."""
    return -(-count // BLOCK)


def latents(seed: int, block: int, latent: int) -> Tensor:
    """The standard normal latent points [BLOCK, latent] of the samples from number block * BLOCK on."""
    return torch.randn(BLOCK, latent, generator=random_generator(seed, "sample", block))


def common_latents(latent: int, images: bool) -> Tensor:
    """The latent points [N, latent] that all runs draw: 25 for images, 500 for points."""
    count = COMMON_IMAGES if images else COMMON_POINTS
    return torch.randn(count, latent, generator=random_generator(_COMMON_SEED, "grid"))
