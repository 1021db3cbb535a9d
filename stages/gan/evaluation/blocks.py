"""Blocks: a set of samples is put into a canonical order and cut into parts of equal size.

Most scores of two finite sets depend on the number of samples, so only scores of equal numbers are
comparable. Some scores take a part of the samples; which part must not depend on the order in the file.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from stages.gan.core.randomness import generator
from stages.gan.evaluation.scores import Scores

SEED = 0  # fixed, so that the same samples have the same scores in every run
MOST = 5_000  # samples in a block, at most: many scores compare every sample with every other


def order(samples: Tensor) -> Tensor:
    """A random order of samples [N, …] that depends only on the set, not on the order they come in.

    The rows are sorted by their bytes and then shuffled with a fixed seed.

    Returns:
        Indices, int64 [N].
    """
    rows = [row.tobytes() for row in samples.numpy()]
    ranked = torch.tensor(sorted(range(len(rows)), key=rows.__getitem__))
    return ranked[torch.randperm(len(rows), generator=generator(SEED, "scores", "order"))]


def choice(total: int, count: int) -> Tensor:
    """``count`` random indices below ``total``, always the same ones."""
    return torch.randperm(total, generator=generator(SEED, "scores", "choice"))[:count]


def split(samples: Tensor, size: int) -> tuple[Tensor, ...]:
    """The whole blocks of ``size`` samples in [N, …]; the remainder is left out."""
    return tuple(samples[: len(samples) // size * size].split(size))


def mean(scores: Iterable[Scores]) -> Scores:
    """The mean of each score over the blocks."""
    found = list(scores)
    return {name: sum(block[name] for block in found) / len(found) for name in found[0]}
