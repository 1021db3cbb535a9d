"""Baselines: the scores of real data and of noise, to compare the score of a run with."""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt
from statistics import fmean, stdev

import torch
from torch import Tensor

from stages.gan.core.datasets import Dataset
from stages.gan.core.randomness import generator
from stages.gan.evaluation import blocks
from stages.gan.evaluation.blocks import SEED
from stages.gan.evaluation.scores import NOISE_SUFFIX, REAL_SUFFIX, SPREAD_SUFFIX, Scores

DRAWS = 10  # random draws of real samples
MOST = 2 * blocks.MOST  # test samples to draw from, at most: each is searched for among all training ones
WIDER = 1.5  # the box of noise points over the bounding box of the real ones


def noise(real: Tensor, count: int) -> Tensor:
    """``count`` samples of noise, of the same shape and type as real ones.

    Images (uint8 [N, C, H, W]) have uniform random pixels, 0 to 255. Points (float32 [N, D]) are uniform in a
    box 1.5 times as wide as the bounding box of the real points, with the same centre.
    """
    random = generator(SEED, "scores", "noise")
    if real.dtype == torch.uint8:
        return torch.randint(0, 256, (count, *real.shape[1:]), generator=random, dtype=torch.uint8)
    low, high = real.amin(0), real.amax(0)
    uniform = torch.rand(count, *real.shape[1:], generator=random)
    return (low + high) / 2 + (uniform - 0.5) * WIDER * (high - low)


def bounded(real: Dataset) -> Dataset:
    """Real data with at most 10,000 of the test samples, always the same ones."""
    test = real.test
    if len(test) <= MOST:
        return real
    some = blocks.choice(len(test), MOST)
    labels = None if test.labels is None else test.labels[some]
    return replace(real, test=replace(test, samples=test.samples[some], labels=labels))


def draws(real: Dataset, count: int) -> list[Tensor]:
    """Random draws of ``count`` test samples without repetition, as indices: what a perfect generator draws.

    If samples have labels, each draw has the labels of ``count`` random training samples, as far as the test
    split has enough of each class. In a stratified test split, the shares of the classes would otherwise be
    closer to those of the training split than chance allows.
    """
    return [_draw(real, count, generator(SEED, "scores", "draw", index)) for index in range(DRAWS)]


def _draw(real: Dataset, count: int, random: torch.Generator) -> Tensor:
    order = torch.randperm(len(real.test), generator=random)
    train, test = real.train.labels, real.test.labels
    if train is None or test is None:
        return order[:count]
    chosen = train[torch.randint(len(train), (count,), generator=random)]
    first = torch.zeros(len(order), dtype=torch.bool)
    for label, wanted in enumerate(chosen.bincount().tolist()):
        first[(test[order] == label).nonzero()[:wanted, 0]] = True
    return torch.cat([order[first], order[~first]])[:count]


def with_baselines(real: Sequence[Scores], noise: Scores, share: float) -> Scores:
    """The two baselines of each score: ``…_real``, with its ``…_real_spread``, and ``…_noise``.

    Args:
        real: the scores of each draw; a score that only the first draw has is of more samples than a draw.
        noise: the scores of noise.
        share: of the test samples in a draw. Draws that have samples in common vary less than independent
            ones; the spread, a standard deviation, is corrected for that. (The random numbers of samples per
            class are independent, so for these the correction is a little too large.)
    """
    found: Scores = {}
    for name, score in noise.items():
        drawn = [scores[name] for scores in real if name in scores]
        found[name + REAL_SUFFIX] = fmean(drawn)
        if len(drawn) > 1:
            spread = stdev(drawn) / sqrt(1 - share) if share < 1 else 0.0
            found[name + REAL_SUFFIX + SPREAD_SUFFIX] = spread
        found[name + NOISE_SUFFIX] = score
    return found
