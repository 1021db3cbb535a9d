"""Blocks: sets of samples in an order of their own, cut into parts of equal size.

Most scores of two finite sets depend on how many samples there are, so scores are comparable between equal
counts only. And some look at a part of the samples, so which part that is must not hang on their order.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from stages.gan.core.randomness import generator
from stages.gan.evaluation.scores import Scores

SEED = 0  # scores have no seed of their own: the same samples score the same in every run
MOST = 5_000  # samples in a block: many scores compare every one with every other


def order(samples: Tensor) -> Tensor:
    """A random order of samples [N, …] that depends on the set only, not on the order they come in.

    The rows are sorted by their bytes, and then shuffled with a fixed seed.

    Returns:
        Indices, int64 [N].
    """
    rows = [row.tobytes() for row in samples.numpy()]
    ranked = torch.tensor(sorted(range(len(rows)), key=rows.__getitem__))
    return ranked[torch.randperm(len(rows), generator=generator(SEED, "scores", "order"))]


def choice(total: int, count: int) -> Tensor:
    """``count`` of ``total`` indices, always the same."""
    return torch.randperm(total, generator=generator(SEED, "scores", "choice"))[:count]


def split(samples: Tensor, size: int) -> tuple[Tensor, ...]:
    """The whole blocks of ``size`` samples that [N, …] has; what remains is left out."""
    return tuple(samples[: len(samples) // size * size].split(size))


def mean(scores: Iterable[Scores]) -> Scores:
    """The mean of each score over the blocks."""
    found = list(scores)
    return {name: sum(block[name] for block in found) / len(found) for name in found[0]}
