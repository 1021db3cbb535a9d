"""Scores from all pairs of samples and real ones: neighbourhoods, nearest neighbours, the kernel distance.

The neighbourhood of a sample is the ball around it that reaches to its k-th nearest neighbour in its own set.
Its size depends on the number of samples, so only scores of equal numbers are comparable. All scores come
from the same inner products, which are computed once, in parts.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from stages.gan.evaluation.linear_algebra import products
from stages.gan.evaluation.scores import Scores

K_PRECISION = 3  # for precision and recall, as in their paper
K_DENSITY = 5  # for density and coverage, as in theirs
ROWS = 250  # samples whose products with all others are computed at once
_ROUNDING = 1e-11  # of the mean squared length: the rounding error of a squared distance


class RealSet(NamedTuple):
    """Real samples, with what every comparison with them needs.

    Attributes:
        features: float32 or float64 [M, F].
        third: squared radii of the neighbourhoods, k = 3; float32 [M].
        fifth: those with k = 5; float32 [M].
        nearest: squared distance to the nearest other one; float32 [M].
        kernel: the kernel's mean between two different ones; float64, a number.
    """

    features: Tensor
    third: Tensor
    fifth: Tensor
    nearest: Tensor
    kernel: Tensor


def prepare(features: Tensor) -> RealSet:
    """What comparisons with real features [M, F] need; M is at least 2."""
    radii, kernel = [], torch.zeros((), dtype=torch.float64)
    for part in features.split(ROWS):
        inner = products(part, features)
        radii.append(_radii(_squared(inner, part, features)))
        kernel += _cubic(inner, features.shape[1]).sum()
    third, fifth, nearest = torch.cat(radii).unbind(1)
    kernel = _unbiased(kernel, features)
    return RealSet(features, third.contiguous(), fifth.contiguous(), nearest.contiguous(), kernel)


def compare(
    samples: Tensor, real: RealSet, scaled: tuple[Tensor, RealSet] | None = None, turned: bool = False
) -> Scores:
    """The scores of samples by their pairs with real ones and with each other.

    - ``precision``: share of the samples within a real one's neighbourhood, k = 3; ``recall``: share of the
      real ones within a sample's (Kynkäänniemi et al. 2019). Both in [0, 1].
    - ``density``: mean number of real neighbourhoods, k = 5, that a sample is in, over k: about 1 for real
      samples, and it may be more. ``coverage``: share of the real neighbourhoods with a sample in them, in
      [0, 1] (Naeem et al. 2020).
    - ``nn_accuracy``: the share of samples of both sets whose nearest other one is of the same set; the mean
      of both sets' shares, in [0, 1]: 0.5 for equal distributions, 1 for separate ones, less than 0.5 for
      copies of the real ones (Lopez-Paz & Oquab 2017). If one of each set is equally near, it counts half.
    - ``kernel_distance``: squared maximum mean discrepancy with the kernel (x·y / F + 1)³, the unbiased
      U-statistic over all pairs (Gretton et al. 2012; Bińkowski et al. 2018 for the kernel): equal
      distributions have 0, so a little below 0 occurs.

    Args:
        samples: features [N, F], N at least 2.
        real: see :func:`prepare`.
        scaled: both with other features, in the same order, for precision and density.
        turned: count ties the other way than in the papers. A sample just on the edge of a neighbourhood is
            then outside for precision and recall, and inside for density and coverage; of two equally near
            ones, that of the own set counts. If this changes a score, ties decide it.
    """
    within_three, within_five = (torch.lt, torch.le) if turned else (torch.le, torch.lt)
    tie = 1.0 if turned else 0.5
    others, others_real = scaled or (samples, real)
    count, there = len(samples), len(real.features)
    inside, within, own = 0, 0, 0.0
    covered, recalled = (torch.zeros(there, dtype=torch.bool) for _ in range(2))
    nearest_sample = torch.full((there,), torch.inf)
    among, across = (torch.zeros((), dtype=torch.float64) for _ in range(2))
    for part, other in zip(samples.split(ROWS), others.split(ROWS), strict=True):
        inner = products(part, samples)
        third, _, nearest = _radii(_squared(inner, part, samples)).unbind(1)
        among += _cubic(inner, samples.shape[1]).sum()
        inner = products(part, real.features)
        squared = _squared(inner, part, real.features)
        across += _cubic(inner, samples.shape[1]).sum()
        recalled |= within_three(squared, third[:, None]).any(0)
        covered |= within_five(squared, real.fifth).any(0)
        near = squared if scaled is None else _distances(other, others_real.features)
        inside += int(within_three(near, others_real.third).any(1).sum())
        within += int(within_five(near, others_real.fifth).sum())
        own += _told(nearest, squared.amin(1), tie)
        nearest_sample = torch.minimum(nearest_sample, squared.amin(0))
    told = _told(real.nearest, nearest_sample, tie)
    means = _unbiased(among, samples) + real.kernel - 2 * across / (count * there)
    return {
        "kernel_distance": means.item(),
        "precision": inside / count,
        "recall": recalled.double().mean().item(),
        "density": within / (min(K_DENSITY, there - 1) * count),
        "coverage": covered.double().mean().item(),
        "nn_accuracy": (own / count + told / there) / 2,
    }


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances of all rows of ``x`` [N, F] to all of ``y`` [M, F]; float32 [N, M]."""
    return _squared(products(x, y), x, y)


def _squared(inner: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Squared distances [N, M] from inner products, rounded so that equal ones compare as equal."""
    there = y.double().square().sum(1)
    here = x.double().square().sum(1, keepdim=True) - _ROUNDING * there.mean()
    return torch.sub(there, inner, alpha=2).add_(here).clamp_(min=0).float()


def _radii(squared: Tensor) -> Tensor:
    """Squared distances to the third, fifth and nearest neighbour in the own set, by those to all [N, M]."""
    last = squared.shape[1] - 1
    ordered = squared.topk(min(K_DENSITY, last) + 1, largest=False).values  # the first is the sample itself
    return ordered[:, [min(K_PRECISION, last), min(K_DENSITY, last), 1]]


def _cubic(inner: Tensor, features: int) -> Tensor:
    shifted = (inner / features).add_(1)
    return (shifted * shifted).mul_(shifted)


def _unbiased(total: Tensor, features: Tensor) -> Tensor:
    """The kernel's mean over pairs of different samples, from its sum over all pairs."""
    selves = _cubic(features.double().square().sum(1), features.shape[1]).sum()
    return (total - selves) / (len(features) * (len(features) - 1))


def _told(own: Tensor, other: Tensor, tie: float) -> float:
    """How many are nearer to their own set than to the other; equal distances count as ``tie``."""
    return int((own < other).sum()) + int((own == other).sum()) * tie
