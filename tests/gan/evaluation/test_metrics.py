import math

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from stages.gan.evaluation import metrics


@pytest.fixture(scope="module")
def curve() -> torch.Tensor:
    x1 = torch.linspace(0, 2 * math.pi, 1024)
    return torch.stack([x1, x1.sin()], 1)


def test_points_on_the_curve_are_on_it(curve):
    assert metrics.curve_scores(curve, torch.sin) == {"curve_distance": 0, "curve_share": 1}


def test_points_off_the_curve_are_as_far_as_they_are(curve):
    raised = curve.clone()
    raised[:256, 1] += 0.25
    found = metrics.curve_scores(raised, torch.sin)
    assert found["curve_distance"] == pytest.approx(0.25 / 4)
    assert found["curve_share"] == pytest.approx(0.75)
    slightly = curve + torch.tensor([0.0, 0.04])
    assert metrics.curve_scores(slightly, torch.sin)["curve_share"] == 1


def test_coverage_of_x1_counts_the_bins_with_points_in_them(curve):
    assert metrics.x1_coverage(curve, curve) == 1
    assert metrics.x1_coverage(curve[:512], curve) == pytest.approx(0.5, abs=0.02)
    assert metrics.x1_coverage(curve + torch.tensor([100.0, 0.0]), curve) == 0


def test_the_total_variance_is_the_sum_over_columns(curve):
    assert metrics.total_variance(curve) == pytest.approx(sum(curve.double().var(0).tolist()))
    assert metrics.total_variance(curve * 0.5) == pytest.approx(0.25 * metrics.total_variance(curve))
    assert metrics.total_variance(curve[:1].repeat(9, 1)) == 0


@pytest.fixture(scope="module")
def logits() -> torch.Tensor:
    """Logits of images in four classes, a hundred of each, one after the other."""
    noise = torch.Generator().manual_seed(0)
    return 20 * torch.eye(4).repeat_interleave(100, 0) + torch.randn(400, 4, generator=noise)


def test_all_classes_alike_and_sure_score_best(logits):
    scores = metrics.class_scores(logits)
    assert scores["confidence"] > 0.999
    assert scores["class_entropy"] == pytest.approx(1)
    assert scores["classes_covered"] == 4
    assert [scores[f"class_share_{k}"] for k in range(4)] == [0.25] * 4


def test_a_missing_class_shows(logits):
    scores = metrics.class_scores(logits[100:])
    assert scores["classes_covered"] == 3
    assert scores["class_share_0"] == 0
    assert scores["class_entropy"] == pytest.approx(math.log(3) / math.log(4))


def test_a_single_class_has_no_entropy(logits):
    one = metrics.class_scores(logits[:100])
    assert (one["class_entropy"], one["classes_covered"], one["class_share_0"]) == (0, 1, 1)


def test_the_classifier_score_is_the_number_of_classes_at_best_and_1_at_worst(logits):
    assert metrics.classifier_score(logits) == pytest.approx(4, abs=0.01)
    assert metrics.classifier_score(logits[:100]) == pytest.approx(1, abs=0.01)
    assert metrics.classifier_score(torch.zeros(50, 4)) == pytest.approx(1)


def test_the_classifier_score_is_the_formulas(logits):
    p = (logits / 10).double().softmax(1)
    divergence = (p * (p / p.mean(0)).log()).sum(1).mean()
    assert metrics.classifier_score(logits / 10) == pytest.approx(divergence.exp().item(), rel=1e-6)


def test_the_classifier_score_is_torch_fidelitys(logits):
    (theirs, _) = isc_features_to_metric((logits / 10).double(), splits=1, shuffle=False).values()
    assert metrics.classifier_score(logits / 10) == pytest.approx(theirs, rel=1e-9)


def test_a_class_that_nothing_is_thought_to_be_does_not_break_the_classifier_score():
    assert metrics.classifier_score(torch.tensor([[0.0, -5000.0], [0.0, -9000.0]])) == pytest.approx(1)
