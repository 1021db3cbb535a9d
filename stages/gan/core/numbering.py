"""How a generator's samples are numbered: the blocks they are computed in, and the classes they are told."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from stages.gan.core.randomness import generator as random_generator

_MOST_ROWS = 1000  # samples in a block
_MOST_NUMBERS = 2**22  # in its samples: large ones take no more memory


def block_size(shape: Sequence[int]) -> int:
    """How many samples of a shape are computed at once."""
    return max(1, min(_MOST_ROWS, _MOST_NUMBERS // math.prod(shape)))


def labels(counts: Sequence[int], seed: int, shape: Sequence[int], count: int) -> Tensor:
    """The classes (int64 [count]) that a generator is told for its first samples.

    Args:
        counts: of the training samples of each class.
        seed: the run's.
        shape: of one sample.
        count: how many.
    """
    size = block_size(shape)
    drawn = [block_labels(counts, seed, block, size) for block in range(-(-count // size))]
    return torch.cat(drawn)[:count]


def block_labels(counts: Sequence[int], seed: int, block: int, size: int) -> Tensor:
    """Those of a block: each as likely as it is in the training data."""
    weights = torch.tensor(counts, dtype=torch.float64)
    random = random_generator(seed, "sample", "class", block)
    return torch.multinomial(weights, size, replacement=True, generator=random)
