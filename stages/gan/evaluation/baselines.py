"""Baselines: what real data score, and what noise does, so that a score can be placed between the two."""

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

DRAWS = 10  # of real samples
MOST = 2 * blocks.MOST  # test samples that they are drawn from: each is searched for among all training ones
WIDER = 1.5  # the box that noise points fill, over the one that the real points do


def noise(real: Tensor, count: int) -> Tensor:
    """``count`` samples of noise, of the same kind as real ones.

    Images (uint8 [N, C, H, W]) get uniform random pixels, 0 to 255; points (float32 [N, D]) are uniform in
    the real points' bounding box, made half as wide again about its middle.
    """
    random = generator(SEED, "scores", "noise")
    if real.dtype == torch.uint8:
        return torch.randint(0, 256, (count, *real.shape[1:]), generator=random, dtype=torch.uint8)
    low, high = real.amin(0), real.amax(0)
    uniform = torch.rand(count, *real.shape[1:], generator=random)
    return (low + high) / 2 + (uniform - 0.5) * WIDER * (high - low)


def bounded(real: Dataset) -> Dataset:
    """Real data with 10,000 of the test samples, always the same, where there are more."""
    test = real.test
    if len(test) <= MOST:
        return real
    some = blocks.choice(len(test), MOST)
    labels = None if test.labels is None else test.labels[some]
    return replace(real, test=replace(test, samples=test.samples[some], labels=labels))


def draws(real: Dataset, count: int) -> list[Tensor]:
    """Random draws of ``count`` test samples, none twice, as a perfect generator would draw them; indices.

    Where samples have labels, each draw's are those of ``count`` random training samples, as far as the test
    split has so many of each class: in a test split, shares of classes may be nearer to those of the training
    split than chance would have them.
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
        real: the scores of each draw; those that one draw alone has are of more than a draw.
        noise: the scores of noise.
        share: of the test samples in a draw. Draws that share samples vary less than draws that do not; the
            spread, a standard deviation, is corrected for that. (It is then a little too large for what the
            random numbers of each class add, which draws do not share.)
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
