"""Statistics of few seeds, for any distribution of the scores: rank tests and effect sizes.

``scipy.stats`` and ``scipy.optimize`` take a second to import. They are imported where they are used, so that
a report without comparisons does not wait for them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05  # of every test; of several together, for all of them
POWER = 0.8  # the probability with which a planned comparison should detect a difference
MOST = 10_000  # relabellings, at most; of more, so many are drawn with a fixed seed, see _draws
FEWEST = 4  # seeds of each condition for one test: with three, no p can be below 0.1
FEWEST_CORRECTED = 5  # seeds of each condition for many scores together
_PAIRS = 10_000  # of runs, at most, for the exact distribution, which would take long
_TRIALS = 20_000  # simulations of a planned comparison
_Z = 1.959963984540054  # the 97.5% quantile of the standard normal distribution


@dataclass(frozen=True)
class Effect:
    """How often the runs of a second condition beat those of a first one.

    Attributes:
        wins: the number of pairs of runs, one of each, in which the second's is better; ties count half.
        pairs: the number of all pairs.
        low: the lower end of the 95% interval of the probability that a new run of the second beats a new run
            of the first.
        high: the upper end.
    """

    wins: float
    pairs: int
    low: float
    high: float

    def mirrored(self) -> "Effect":
        """How often the runs of the first condition beat those of the second."""
        return Effect(self.pairs - self.wins, self.pairs, 1 - self.high, 1 - self.low)


def rank_test(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p of the Wilcoxon-Mann-Whitney rank test (Mann & Whitney 1947); see :func:`is_exact`.

    Args:
        first: scores of n runs, at least one.
        second: scores of m others.
    """
    from scipy import stats

    if not _has_exact(first, second):
        return float(step_down([first], [second])[0])  # for a single score, it is the same test
    return float(stats.mannwhitneyu(first, second, method="exact").pvalue)


def is_exact(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether :func:`rank_test` takes all relabellings, not a sample: without ties, or for few runs."""
    n, m = len(first), len(second)
    return _has_exact(first, second) or math.comb(n + m, n) <= _draws(n + m)


def least_p(n: int, m: int) -> float:
    """The lowest p that the rank test of ``n`` runs and ``m`` others can have: two of all relabellings."""
    return min(1.0, 2 / math.comb(n + m, n))


def step_down(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Rank tests of many scores together: their p, corrected for the number of scores.

    This is the step-down maxT of Westfall and Young (1993, algorithm 2.8; Ge, Dudoit & Speed 2003) with the
    absolute rank sum, standardised by its variance over all relabellings, so that scores with ties are
    treated equally. Runs are relabelled with all their scores, so that the dependence between scores counts.
    In at most 5% of cases any score without a difference gets a p of at most 0.05, whatever the others do.

    Args:
        first: scores of n runs, [..., scores, n].
        second: scores of m others, [..., scores, m].

    Returns:
        p of each score, [..., scores], 0 to 1; 1 for a score that is the same in all runs.
    """
    from scipy import stats

    before, after = np.asarray(first, float), np.asarray(second, float)
    ranks = stats.rankdata(np.concatenate([before, after], axis=-1), axis=-1)  # those of ties: their mean
    centred = ranks - (ranks.shape[-1] + 1) / 2
    spread = np.sqrt(np.square(centred).sum(axis=-1, keepdims=True))
    sums = np.abs(centred @ _relabellings(before.shape[-1], after.shape[-1]))
    found = sums / np.where(spread > 0, spread, 1)  # [..., scores, relabellings], the first as they are
    order = np.argsort(-found[..., 0], axis=-1, kind="stable")
    found = np.take_along_axis(found, order[..., None], axis=-2)
    most = np.maximum.accumulate(found[..., ::-1, :], axis=-2)[..., ::-1, :]  # of each and those below it
    # Rounding makes equal statistics differ by far less than any two others do.
    p = np.mean(most >= found[..., :1] * (1 - 1e-9), axis=-1)
    p = np.maximum.accumulate(p, axis=-1)
    return np.asarray(np.take_along_axis(p, np.argsort(order, axis=-1), axis=-1), float)


def holm(p: Sequence[float]) -> list[float]:
    """Correct the p of several tests for their number (Holm 1979)."""
    order = sorted(range(len(p)), key=p.__getitem__)
    corrected, least = [0.0] * len(p), 0.0
    for index, test in enumerate(order):
        least = max(least, min(1.0, (len(p) - index) * p[test]))
        corrected[test] = least
    return corrected


def effect(first: Sequence[float], second: Sequence[float]) -> Effect:
    """How often runs of ``second`` beat those of ``first``; higher scores are better.

    The interval is that of Newcombe (2006, Statistics in Medicine 25:559, method 5): all values θ for which
    the share of pairs is at most 1.96 standard errors away, if θ is the true one.
    """
    before, after = np.asarray(first, float)[:, None], np.asarray(second, float)
    wins = float(np.sum(after > before) + np.sum(after == before) / 2)
    n, m = len(first), len(second)
    share = wins / (n * m)
    return Effect(wins, n * m, _lowest(share, n, m), 1 - _lowest(1 - share, n, m))


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The two-sided p of Fisher's exact test of whether two shares are equal.

    Args:
        first: how many, out of how many.
        second: likewise, for the other share.
    """
    from scipy import stats

    table = [[count, of - count] for count, of in (first, second)]
    return float(stats.fisher_exact(table).pvalue)


def seeds_for(difference: float, most: int = 1000) -> int | None:
    """How many seeds of each of two recipes it takes to detect a difference in 8 of 10 cases.

    For each number of seeds from 4 on (or three quarters of Noether's approximation, 1987, JASA 82:645),
    20,000 comparisons of normal scores by the rank test at the 5% level are simulated, with a fixed seed. Ask
    before the runs are made: a difference that was observed is not a good guess of the true one.

    Args:
        difference: of the means, in standard deviations over the seeds, above 0.
        most: seeds each.

    Returns:
        The lowest number of seeds each; None if it is above ``most``.
    """
    from scipy import stats

    above = stats.norm.cdf(difference / math.sqrt(2)) - 0.5  # that one beats the other, above chance
    noether = (_Z + stats.norm.ppf(POWER)) ** 2 / (6 * above**2)
    for count in range(max(FEWEST, int(0.75 * noether)), most + 1):
        random = np.random.default_rng(count)
        first, second = random.normal(size=(2, _TRIALS, count))
        method = "exact" if count <= 20 else "asymptotic"  # for more they hardly differ
        told = stats.mannwhitneyu(first, second + difference, axis=1, method=method).pvalue <= LEVEL
        if told.mean() >= POWER:
            return count
    return None


def _lowest(share: float, n: int, m: int) -> float:
    """The lowest θ in Newcombe's interval."""
    from scipy import optimize

    mean = (n + m) / 2 - 1

    def beyond(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + mean * ((1 - theta) / (2 - theta) + theta / (1 + theta)))
        return share - theta - _Z * math.sqrt(variance / (n * m))

    end = share - 1e-9  # at 1 the standard error is 0, as it is at the observed share
    return float(optimize.brentq(beyond, 0, end)) if end > 0 else 0.0


def _has_exact(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether SciPy computes the exact p: without ties, and for not too many runs."""
    n, m = len(first), len(second)
    return len({*first, *second}) == n + m and n * m <= _PAIRS


def _draws(runs: int) -> int:
    """The number of relabellings, at most: fewer for more than a hundred runs, to save memory."""
    return min(MOST, max(1000, 100 * MOST // runs))


@cache
def _relabellings(n: int, m: int) -> NDArray[np.float64]:
    """Relabellings, 1 for the first ``n`` runs and 0 for the others [n + m, relabellings].

    The first column has the actual labels.
    """
    draws = _draws(n + m)
    if math.comb(n + m, n) <= draws:
        chosen = np.array(list(combinations(range(n + m), n)))
    else:
        random = np.random.default_rng(0)
        chosen = random.permuted(np.tile(np.arange(n + m), (draws, 1)), axis=1)[:, :n]
        chosen[0] = np.arange(n)
    labels = np.zeros((len(chosen), n + m))
    np.put_along_axis(labels, chosen, 1, axis=1)
    return np.ascontiguousarray(labels.T)
