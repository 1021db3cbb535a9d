import pytest
import torch

from stages.gan.core.datasets import Split
from stages.gan.evaluation import untold
from stages.gan.evaluation.view import View


@pytest.mark.parametrize(("copied", "told"), [(0, True), (50, True), (51, False), (100, False)])
def test_where_most_test_samples_are_training_samples_copies_tell_nothing(copied, told):
    nearest = torch.arange(1, 101).double()
    nearest[:copied] = 0
    found = untold.by_copies(nearest)
    assert set(found) == (set() if told else {"near_copies", "exact_copies", "nn_accuracy"})
    assert all(
        why.startswith(f"{copied}% of the test samples are training samples") for why in found.values()
    )


def test_a_score_that_ties_decide_is_left_out():
    nearest = torch.arange(1, 101).double()
    one, other = {"density": 0.15, "recall": 0.9}, {"density": 3.8, "recall": 0.85}
    found = untold.by_ties(one, other, nearest, 2.0)
    assert found == {
        "density": "distances tie, and how ties count changes the score of real data by more than 0.1"
    }


@pytest.mark.parametrize(("tied", "told"), [(1, True), (11, True), (12, False), (100, False)])
def test_near_is_unknown_where_many_are_just_as_near(tied, told):
    nearest = 3 + torch.arange(100).double()
    nearest[:tied] = 3 + 1e-12 * torch.arange(tied)  # what rounding leaves of one distance
    assert ("near_copies" in untold.by_ties({}, {}, nearest, 3.0)) == (not told)


def test_two_test_samples_do_not_tie_by_being_two():
    assert untold.by_ties({}, {}, torch.tensor([1.0, 2.0], dtype=torch.float64), 1.0) == {}


def test_bins_that_no_value_can_fill_tell_nothing(points, images):
    stars = torch.arange(1, 6).float().repeat(40)
    found = untold.by_values(Split(torch.stack([stars, stars.flip(0)], 1), columns=("stars", "price")))
    assert found == {"x1_coverage": "stars has 5 values, fewer than the 50 bins"}
    for split in (
        points,
        images,
        Split(points.samples[:20]),
        Split(torch.arange(50).float().repeat(9)[:, None]),
    ):
        assert untold.by_values(split) == {}


def test_what_has_no_variance_gives_no_diversity():
    noise = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    one = torch.full((20, 3), 0.1) + 1e-8 * noise  # what rounding leaves of one place
    views = [View.of(features, 5) for features in (noise, one)]
    assert untold.by_variance(views[:1]) == {}
    assert untold.by_variance(views).keys() == {"diversity"}


def test_a_score_in_which_noise_beats_real_data_is_left_out():
    ring = {"x1_coverage_real": 0.58, "x1_coverage_real_spread": 0.02, "x1_coverage_noise": 1.0}
    assert untold.by_noise(ring) == {"x1_coverage": "noise has 1, which is better than real data (0.58)"}
    judge = {"judge_error_real": 6.0, "judge_error_real_spread": 0.1, "judge_error_noise": 5.0}
    assert untold.by_noise(ring | judge).keys() == {"x1_coverage", "judge_error"}
    assert untold.by_noise(judge | {"judge_error_noise": 7.0}) == {}


def test_noise_that_is_ahead_by_chance_or_as_good_leaves_a_score_in():
    full = {"x1_coverage_real": 1.0, "x1_coverage_real_spread": 0.0, "x1_coverage_noise": 1.0}
    chance = {"x1_coverage_real": 0.58, "x1_coverage_real_spread": 0.02, "x1_coverage_noise": 0.61}
    assert untold.by_noise(full) == untold.by_noise(chance) == {}
    recall = {"recall_real": 0.9, "recall_real_spread": 0.0, "recall_noise": 1.0}
    assert untold.by_noise(recall) == {}  # noise is everywhere, and recall asks nothing else


def test_where_other_columns_say_nothing_the_distance_to_the_judges_fit_is_left_out():
    assert untold.by_judge(0.89, 1.0) == {}
    assert untold.by_judge(0.0, 0.0) == {}
    found = untold.by_judge(6.09, 6.08)
    assert found.keys() == {"judge_error"}
    assert found["judge_error"].endswith("(mean errors 6.09 and 6.08)")
