import math

import numpy as np
import pytest
from scipy import stats

from stages.gan.report import intervals

VALUES = [3.1, 2.7, 3.6, 3.0, 2.2]
OTHERS = [5.2, 9.4, 3.3]


def test_a_means_interval_is_students():
    found = intervals.mean(VALUES)
    low, high = stats.t.interval(0.95, len(VALUES) - 1, np.mean(VALUES), stats.sem(VALUES))
    assert found.count == 5
    assert found.value == pytest.approx(np.mean(VALUES))
    assert (found.value - found.half, found.value + found.half) == pytest.approx((low, high))


def test_a_single_value_has_no_interval():
    assert intervals.mean([2.5]) == intervals.Mean(2.5, None, 1)


def test_equal_values_have_an_interval_of_nothing():
    assert intervals.mean([0.1] * 3).half == 0


@pytest.mark.parametrize(("first", "second"), [(VALUES, OTHERS), (OTHERS, VALUES), (VALUES, VALUES[::-1])])
def test_a_differences_interval_is_welchs(first, second):
    found = intervals.welch(first, second)
    wanted = stats.ttest_ind(second, first, equal_var=False)
    assert found.value == pytest.approx(np.mean(second) - np.mean(first))
    assert (found.low, found.high) == pytest.approx(tuple(wanted.confidence_interval(0.95)))
    assert found.distinguishable == (wanted.pvalue < 0.05)


def test_one_condition_may_be_the_same_throughout():
    found = intervals.welch(VALUES, [0.0, 0.0])
    wanted = stats.ttest_ind([0.0, 0.0], VALUES, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(wanted))


def test_values_that_do_not_spread_are_not_distinguishable():
    found = intervals.welch([9, 9], [10, 10])
    assert (found.value, found.distinguishable) == (1, False)
    assert found.high - found.low == math.inf


def test_rounding_is_no_difference():
    for first, second in (([0.98] * 3, [0.98] * 5), ([1.1 - 1] * 2, [1 - 0.9] * 2)):
        assert intervals.welch(first, second).value == 0
        assert intervals.seeds_needed(first, second) is None


def test_numbers_that_are_none_say_nothing():
    assert not intervals.Difference(math.nan, math.nan, math.nan).distinguishable


def test_a_difference_needs_two_values_of_each():
    with pytest.raises(ValueError, match="two values"):
        intervals.welch([1.0], VALUES)


@pytest.mark.parametrize(("effect", "needed"), [(1.0, 17), (0.8, 26), (0.5, 64), (0.2, 394)])
def test_seeds_needed_are_those_of_the_tables(effect, needed):
    """Cohen (1988): seeds for a difference of so many standard deviations, power 0.8 at 5 percent."""
    unit = np.array([-1.0, 1.0]) / math.sqrt(2)  # standard deviation 1
    assert abs(intervals.seeds_needed(unit, unit + effect) - needed) <= 1


def test_so_many_seeds_show_the_difference_four_times_in_five():
    first, second = np.array([-1.0, 1.0]), 1.5 + 2 * np.array([-1.0, 1.0])
    needed = intervals.seeds_needed(first, second)
    random = np.random.default_rng(0)
    draws = [random.normal(v.mean(), v.std(ddof=1), (4000, needed)) for v in (first, second)]
    shown = stats.ttest_ind(*draws, axis=1, equal_var=False).pvalue < 0.05
    assert shown.mean() == pytest.approx(0.8, abs=0.03)


def test_what_no_number_of_seeds_shows():
    assert intervals.seeds_needed([1, 2], [2, 1]) is None  # no difference
    assert intervals.seeds_needed([0, 1000], [0.1, 1000.1]) is None  # too small a one
    assert intervals.seeds_needed([1, 1], [2, 2]) is None  # no spread


def test_two_seeds_are_never_said_to_be_enough():
    assert intervals.seeds_needed([0, 0.001], [5, 5.001]) == 3
