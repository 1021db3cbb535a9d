"""How sure a mean over seeds is, and a difference between two: 95 percent confidence intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special  # not scipy.stats, which takes a second to import

LEVEL = 0.95
POWER = 0.8  # how often a difference is to be seen that is there
MOST = 10_000  # seeds: more are never asked for


@dataclass(frozen=True)
class Mean:
    """A mean with half its 95 percent interval, by Student's t; none with a single value."""

    value: float
    half: float | None
    count: int


@dataclass(frozen=True)
class Difference:
    """A difference of two means with its 95 percent interval, by Welch's t; it holds the difference.

    Where no value differs from the others of its condition, the interval is infinite: so few values say
    nothing of how they spread.
    """

    value: float
    low: float
    high: float

    @property
    def distinguishable(self) -> bool:
        """Whether it can be distinguished from no difference at all."""
        return self.low > 0 or self.high < 0


def mean(values: Sequence[float]) -> Mean:
    """The mean of values from as many seeds, and how sure it is (Student 1908)."""
    count = len(values)
    half = None
    if count > 1:
        half = float(_quantile(count - 1, (1 + LEVEL) / 2)) * math.sqrt(_variance(values) / count)
    return Mean(fmean(values), half, count)


def welch(first: Sequence[float], second: Sequence[float]) -> Difference:
    """Mean of ``second`` less that of ``first``; they may spread differently (Welch 1947).

    Raises:
        ValueError: one has fewer than two values, which say nothing of their spread.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("an interval needs two values of each")
    value = _difference(first, second)
    parts = [(_variance(values) / len(values), len(values) - 1) for values in (first, second)]
    squared = sum(part for part, _ in parts)
    if not squared:
        return Difference(value, -math.inf, math.inf)
    degrees = squared**2 / sum(part**2 / free for part, free in parts)
    half = float(_quantile(degrees, (1 + LEVEL) / 2)) * math.sqrt(squared)
    return Difference(value, value - half, value + half)


def seeds_needed(first: Sequence[float], second: Sequence[float]) -> int | None:
    """How many seeds in each condition show such a difference at the 5 percent level with power 0.8.

    It takes the difference and the spreads that were seen for the true ones, and the t distribution for its
    noncentral sibling: the least n with n d² >= (t_0.975 + t_0.8)² (s1² + s2²), t with Welch's degrees of
    freedom, and at least 3, as with two that is too far off. None where more than :data:`MOST` would be
    needed, or where the values do not spread.
    """
    difference = _difference(first, second)
    variances = np.array([_variance(first), _variance(second)])
    total = variances.sum()
    if not difference or not total:
        return None
    counts = np.arange(3, MOST + 1)
    degrees = (counts - 1) * total**2 / np.square(variances).sum()
    needed = np.square(_quantile(degrees, (1 + LEVEL) / 2) + _quantile(degrees, POWER)) * total
    enough = np.flatnonzero(counts * difference**2 >= needed)
    return int(counts[enough[0]]) if len(enough) else None


def _difference(first: Sequence[float], second: Sequence[float]) -> float:
    """Of the means; what rounding leaves of two equal ones is none."""
    before, after = fmean(first), fmean(second)
    return 0.0 if math.isclose(before, after, rel_tol=1e-9) else after - before


def _variance(values: Sequence[float]) -> float:
    """Of values that differ; rounding leaves the variance of equal ones a little above zero."""
    return float(np.var(values, ddof=1)) if len(set(values)) > 1 else 0.0


def _quantile(degrees: float | NDArray[np.float64], share: float) -> Any:
    """Of Student's t: a share of it is less."""
    return special.stdtrit(degrees, share)
