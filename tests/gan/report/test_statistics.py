import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from benchmarks import verdicts as simulation
from stages.gan.report import statistics

APART = ([54.2, 60.0, 76.1, 1086.8, 1248.1], [9.1, 9.9, 10.1, 10.3, 10.7])  # as mnist and mnist_fast


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        (*APART, 2 / 252),
        ([1, 2], [3, 4], 1 / 3),
        ([1, 2, 3], [4, 5, 6], 0.1),
        ([1, 2, 3, 4], [5, 6, 7, 8], 2 / 70),
        ([1, 2, 3, 4, 6], [5, 7, 8, 9, 10], 4 / 252),  # one pair of 25 the other way round
        ([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], 1),  # all tied
        ([1, 1, 2], [2, 2, 2], 2 * 4 / 20),  # by hand: 4 of 20 ways have both ones in the same three
    ],
)
def test_the_rank_test_is_exact(first, second, p):
    assert statistics.rank_test(first, second) == pytest.approx(p)
    assert statistics.rank_test(second, first) == pytest.approx(p)
    assert statistics.is_exact(first, second)


def test_many_runs_with_ties_are_relabelled_by_chance_and_the_same_each_time():
    first, second = [1.0] + [2.0] * 9, [2.0] * 3 + [3.0] * 7
    found = statistics.rank_test(first, second)
    assert found == statistics.rank_test(first, second)
    assert 0.0001 < found < 0.01
    assert not statistics.is_exact(first, second)
    assert statistics.is_exact(range(10), range(10, 20))


def test_the_least_p_of_so_many_seeds():
    assert statistics.least_p(2, 2) == pytest.approx(1 / 3)
    assert statistics.least_p(3, 3) == pytest.approx(0.1)
    assert statistics.least_p(5, 5) == pytest.approx(2 / 252)
    assert statistics.least_p(1, 1) == 1


def test_one_score_is_not_corrected():
    random = np.random.default_rng(0)
    for _ in range(20):
        first, second = random.integers(0, 8, (2, 5)).astype(float)
        (corrected,) = statistics.step_down([first], [second])
        assert corrected == pytest.approx(statistics.rank_test(first, second))


def by_hand(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Algorithm 2.8 word by word: slow, in exact numbers."""
    together = np.concatenate([first, second], axis=1)
    ranks = [stats.rankdata(row) for row in together]
    n, total = first.shape[1], together.shape[1]

    def statistic(score: int, chosen: tuple[int, ...]) -> float:
        spread = np.var(ranks[score])
        away = abs(sum(ranks[score][i] for i in chosen) - n * (total + 1) / 2)
        return round(away / math.sqrt(spread), 9) if spread else 0.0

    seen = [statistic(score, tuple(range(n))) for score in range(len(ranks))]
    order = sorted(range(len(ranks)), key=lambda score: -seen[score])
    ways = list(combinations(range(total), n))
    found, least = [0.0] * len(ranks), 0.0
    for place, score in enumerate(order):
        most = [max(statistic(other, way) for other in order[place:]) for way in ways]
        least = max(least, sum(value >= seen[score] for value in most) / len(ways))
        found[score] = least
    return found


@pytest.mark.parametrize(("n", "m"), [(5, 5), (5, 6), (3, 7)])
def test_a_corrected_p_is_never_below_that_of_the_score_alone(n, m):
    random = np.random.default_rng(1)
    for _ in range(30):
        first, second = random.integers(0, 3, (4, n)), random.integers(0, 3, (4, m))
        corrected = statistics.step_down(first, second)
        for before, after, p in zip(first, second, corrected, strict=True):
            assert p >= statistics.rank_test(before, after) - 1e-12


def test_many_scores_are_corrected_as_westfall_and_young_do():
    random = np.random.default_rng(1)
    first, second = random.integers(0, 9, (2, 4, 4)).astype(float)
    second[0] += 9  # all of these are above
    second[1] += 4
    assert statistics.step_down(first, second) == pytest.approx(by_hand(first, second))


def test_the_order_of_scores_and_sides_changes_nothing():
    random = np.random.default_rng(2)
    first, second = random.normal(size=(2, 5, 5))
    second += np.arange(5)[:, None]
    found = statistics.step_down(first, second)
    assert statistics.step_down(second, first) == pytest.approx(found)
    assert statistics.step_down(first[::-1], second[::-1]) == pytest.approx(found[::-1])
    assert statistics.step_down([first, second], [second, first]) == pytest.approx(np.array([found, found]))


def test_a_score_that_is_the_same_throughout_says_nothing():
    (apart, same) = statistics.step_down([APART[0], [10.0] * 5], [APART[1], [10.0] * 5])
    assert (apart, same) == (pytest.approx(2 / 252), 1)


def test_scores_that_move_together_are_hardly_corrected():
    assert statistics.step_down([APART[0]] * 12, [APART[1]] * 12) == pytest.approx([2 / 252] * 12)


def test_many_runs_are_sampled_and_never_have_no_p_at_all():
    found = statistics.step_down([np.arange(10.0)], [np.arange(10.0, 20)])
    assert found == statistics.step_down([np.arange(10.0)], [np.arange(10.0, 20)])
    assert 1 / statistics.MOST <= found[0] < 0.001


def test_holm_is_that_of_the_paper():
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.008]) == [0.008]
    assert statistics.holm([0.9, 0.8]) == [1, 1]
    assert statistics.holm([]) == []


def test_the_effect_is_a_number_of_pairs_with_newcombes_interval():
    found = statistics.effect([-score for score in APART[0]], [-score for score in APART[1]])
    assert (found.wins, found.pairs, found.high) == (25, 25, 1)
    # Where 1 - θ is 1.96 sqrt(θ (1 - θ) (1 + 4 ((1 - θ) / (2 - θ) + θ / (1 + θ))) / 25)
    assert found.low == pytest.approx(0.6427, abs=0.0001)
    ties = statistics.effect([1, 2, 3, 4], [1, 2, 3, 4])
    assert (ties.wins, ties.pairs) == (8, 16)
    assert ties.low == pytest.approx(1 - ties.high)
    none = statistics.effect([1.0], [0.0])
    assert (none.wins, none.low) == (0, 0)
    assert none.mirrored() == statistics.effect([0.0], [1.0])


def test_the_interval_holds_what_a_standard_error_away_is():
    found = statistics.effect([1, 2, 3, 7, 8], [4, 5, 6, 9, 10])  # 19 of 25
    for theta in (found.low, found.high):
        spread = theta * (1 - theta) * (1 + 4 * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / 25
        assert abs(theta - 19 / 25) == pytest.approx(1.959964 * math.sqrt(spread))


def test_collapses_are_compared_by_fishers_test():
    assert statistics.fisher((0, 5), (2, 5)) == pytest.approx(4 / 9)
    assert statistics.fisher((0, 5), (5, 5)) == pytest.approx(2 / 252)


def test_seeds_are_planned_beforehand():
    assert statistics.seeds_for(1.5) == 10
    assert statistics.seeds_for(100) == statistics.FEWEST
    assert statistics.seeds_for(0.1, most=50) is None
    # Two normal samples of 26 have power 0.8 for 0.8 by Student's t (Cohen 1988); ranks take about 3/pi more.
    assert 26 <= statistics.seeds_for(0.8) <= 29


def test_false_verdicts_are_as_rare_as_is_said():
    trials = 400
    for shape in simulation.SHAPES:
        found = simulation.rates(shape, 5, differ=False, trials=trials)
        chance = 3 * math.sqrt(0.05 * 0.95 / trials)
        assert found.primary < 0.05 + chance
        assert found.any_corrected < 0.05 + chance
    assert simulation.rates("normal", 5, differ=False, trials=trials).any_welch > 0.2  # as it was done before


def test_what_differs_is_seen():
    lognormal = [simulation.rates("lognormal", seeds, differ=True, trials=400) for seeds in (4, 5)]
    assert lognormal[0].primary < lognormal[1].primary
    assert all(found.primary > found.welch + 0.2 for found in lognormal)
    assert lognormal[1].corrected < lognormal[1].primary
    assert simulation.rates("collapse", 5, differ=True, trials=400).primary > 0.75
