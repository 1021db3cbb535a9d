"""How a generator's samples are numbered: the blocks that are computed at once, and each sample's class."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from stages.gan.core.randomness import generator as random_generator

_MOST_ROWS = 1000  # samples in a block, at most
_MOST_NUMBERS = 2**22  # numbers in a block, at most: this limits the memory for large samples


def block_size(shape: Sequence[int]) -> int:
    """How many samples of a shape are computed at once, at least 1."""
    return max(1, min(_MOST_ROWS, _MOST_NUMBERS // math.prod(shape)))


def labels(counts: Sequence[int], seed: int, shape: Sequence[int], count: int) -> Tensor:
    """The classes of a generator's first samples, int64 [count].

    Args:
        counts: number of training samples of each class.
        seed: the run's seed.
        shape: the shape of one sample.
        count: number of samples.
    """
    size = block_size(shape)
    drawn = [block_labels(counts, seed, block, size) for block in range(-(-count // size))]
    return torch.cat(drawn)[:count]


def block_labels(counts: Sequence[int], seed: int, block: int, size: int) -> Tensor:
    """The classes of one block, int64 [size], drawn with the shares that they have in the training data."""
    weights = torch.tensor(counts, dtype=torch.float64)
    random = random_generator(seed, "sample", "class", block)
    return torch.multinomial(weights, size, replacement=True, generator=random)
