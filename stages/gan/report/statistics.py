"""Statistics of few seeds, whatever the scores' distribution: tests by ranks, and effect sizes.

``scipy.stats`` and ``scipy.optimize`` take a second to import, which a report that compares nothing does
without, and so does all else that imports this room: they are imported where they are used.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.05  # of every test; of several at once, for all together
POWER = 0.8  # how often a planned comparison is to tell a difference that is there
MOST = 10_000  # relabellings: where there are more, so many are drawn, with a fixed seed; see _draws
FEWEST = 4  # seeds of each, for one test: with three, no p can be below 0.1
FEWEST_CORRECTED = 5  # seeds of each, for many scores at once
_PAIRS = 10_000  # of runs: of more, the exact distribution takes long
_TRIALS = 20_000  # of a planned comparison
_Z = 1.959963984540054  # the standard normal's 97.5% quantile


@dataclass(frozen=True)
class Effect:
    """How often a second condition's runs beat a first one's.

    Attributes:
        wins: pairs of runs, one of each, in which the second's is better; ties count half.
        pairs: all pairs.
        low: the lower end of the 95% interval of the probability that a new run of the second beats a new run
            of the first.
        high: the upper end.
    """

    wins: float
    pairs: int
    low: float
    high: float

    def mirrored(self) -> "Effect":
        """The first beside the second."""
        return Effect(self.pairs - self.wins, self.pairs, 1 - self.high, 1 - self.low)


def rank_test(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p of the Wilcoxon-Mann-Whitney rank test (Mann & Whitney 1947); see :func:`is_exact`.

    Args:
        first: scores of n runs, at least one.
        second: scores of m others.
    """
    from scipy import stats

    if not _has_exact(first, second):
        return float(step_down([first], [second])[0])  # of a single score, this very test
    return float(stats.mannwhitneyu(first, second, method="exact").pvalue)


def is_exact(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether :func:`rank_test` takes all relabellings, and not a sample: without ties, or with few runs."""
    n, m = len(first), len(second)
    return _has_exact(first, second) or math.comb(n + m, n) <= _draws(n + m)


def least_p(n: int, m: int) -> float:
    """The least p that the rank test can have with ``n`` runs against ``m``: two of all relabellings."""
    return min(1.0, 2 / math.comb(n + m, n))


def step_down(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Rank tests of many scores at once: their p, corrected for there being many.

    Westfall and Young's step-down maxT (1993, algorithm 2.8; Ge, Dudoit & Speed 2003) with the absolute rank
    sum, standardised by its variance over all relabellings, so that scores with ties are held to the same
    measure. Runs are relabelled as wholes, which takes into account how the scores depend on each other. In
    at most 5% of all cases any score that does not differ gets a p of at most 0.05, whatever the others do.

    Args:
        first: scores of n runs, [..., scores, n].
        second: scores of m others, [..., scores, m].

    Returns:
        p of each score, [..., scores], 0 to 1; of one that is the same throughout, 1.
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
    # What rounding leaves between two equal statistics is far less than between any two others.
    p = np.mean(most >= found[..., :1] * (1 - 1e-9), axis=-1)
    p = np.maximum.accumulate(p, axis=-1)
    return np.asarray(np.take_along_axis(p, np.argsort(order, axis=-1), axis=-1), float)


def holm(p: Sequence[float]) -> list[float]:
    """Correct the p of each of several tests for there being others (Holm 1979)."""
    order = sorted(range(len(p)), key=p.__getitem__)
    corrected, least = [0.0] * len(p), 0.0
    for index, test in enumerate(order):
        least = max(least, min(1.0, (len(p) - index) * p[test]))
        corrected[test] = least
    return corrected


def effect(first: Sequence[float], second: Sequence[float]) -> Effect:
    """How often runs of ``second`` beat those of ``first``; of both, higher scores are better.

    The interval is Newcombe's (2006, Statistics in Medicine 25:559, method 5): all values θ that are at most
    1.96 standard errors from the share of pairs, were θ the true one.
    """
    before, after = np.asarray(first, float)[:, None], np.asarray(second, float)
    wins = float(np.sum(after > before) + np.sum(after == before) / 2)
    n, m = len(first), len(second)
    share = wins / (n * m)
    return Effect(wins, n * m, _lowest(share, n, m), 1 - _lowest(1 - share, n, m))


def fisher(first: tuple[int, int], second: tuple[int, int]) -> float:
    """The two-sided p of Fisher's exact test that two shares are the same.

    Args:
        first: how many, of how many.
        second: likewise, of others.
    """
    from scipy import stats

    table = [[count, of - count] for count, of in (first, second)]
    return float(stats.fisher_exact(table).pvalue)


def seeds_for(difference: float, most: int = 1000) -> int | None:
    """How many seeds each of two recipes takes, so that a difference is told in 8 of 10 cases.

    Simulated, with a fixed seed: 20,000 comparisons of normal scores by the rank test at the 5% level, for
    each number of seeds from 4 on (from three quarters of Noether's approximation: 1987, JASA 82:645).
    To be asked beforehand: what was seen is no good guess of the difference.

    Args:
        difference: of the means, in standard deviations over the seeds, above 0.
        most: seeds each.

    Returns:
        The least number of seeds each; None where it is above ``most``.
    """
    from scipy import stats

    above = stats.norm.cdf(difference / math.sqrt(2)) - 0.5  # of the probability that one beats the other
    noether = (_Z + stats.norm.ppf(POWER)) ** 2 / (6 * above**2)
    for count in range(max(FEWEST, int(0.75 * noether)), most + 1):
        random = np.random.default_rng(count)
        first, second = random.normal(size=(2, _TRIALS, count))
        method = "exact" if count <= 20 else "asymptotic"  # which no longer differ, and exact takes long
        told = stats.mannwhitneyu(first, second + difference, axis=1, method=method).pvalue <= LEVEL
        if told.mean() >= POWER:
            return count
    return None


def _lowest(share: float, n: int, m: int) -> float:
    """The least θ in Newcombe's interval."""
    from scipy import optimize

    mean = (n + m) / 2 - 1

    def beyond(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + mean * ((1 - theta) / (2 - theta) + theta / (1 + theta)))
        return share - theta - _Z * math.sqrt(variance / (n * m))

    end = share - 1e-9  # at 1, the standard error is 0, as it is at the share that was seen
    return float(optimize.brentq(beyond, 0, end)) if end > 0 else 0.0


def _has_exact(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether SciPy gives the exact p: without ties, and not of so many runs that it takes long."""
    n, m = len(first), len(second)
    return len({*first, *second}) == n + m and n * m <= _PAIRS


def _draws(runs: int) -> int:
    """How many relabellings at most: fewer of more than a hundred runs, as they would fill the memory."""
    return min(MOST, max(1000, 100 * MOST // runs))


@cache
def _relabellings(n: int, m: int) -> NDArray[np.float64]:
    """Which runs are the first ``n`` ones, 1 or 0, [n + m, relabellings]; the first column is as they are."""
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
