import math

import pytest
import torch
from scipy.stats import energy_distance

from stages.gan import metrics


def normal(count: int, *scale: float, seed: int = 0) -> torch.Tensor:
    noise = torch.Generator().manual_seed(seed)
    return torch.randn(count, len(scale), generator=noise, dtype=torch.float64) * torch.tensor(scale)


def whitened(points: torch.Tensor) -> torch.Tensor:
    """Points with mean 0 and covariance 1, exactly."""
    centred = points - points.mean(0)
    return centred @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(centred.T))).T


def test_the_frechet_distance_of_two_gaussians_is_the_closed_forms():
    unit = whitened(normal(500, 1, 1, 1))
    scale, shift = torch.tensor([2.0, 1.0, 0.5]), torch.tensor([1.0, 0.0, -2.0])
    expected = (shift**2).sum() + ((scale - 1) ** 2).sum()  # both covariances are diagonal
    found = metrics.frechet_distance(unit * scale + shift, unit)
    assert found == pytest.approx(expected.item(), rel=1e-9)
    assert metrics.frechet_distance(unit, unit) == pytest.approx(0, abs=1e-9)


def test_the_energy_distance_is_scipys_in_one_dimension_and_grows_with_a_shift():
    x, y = normal(1500, 1), normal(1200, 2, seed=1)
    theirs = energy_distance(x[:, 0].numpy(), y[:, 0].numpy()) ** 2  # SciPy's is the root
    assert metrics.energy_distance(x, y) == pytest.approx(theirs, rel=1e-9)
    far = metrics.energy_distance(x + 1000, x)
    assert far == pytest.approx(2000, rel=0.01)
    assert metrics.energy_distance(x, x) == pytest.approx(0, abs=1e-12)


@pytest.fixture(scope="module")
def curve() -> torch.Tensor:
    x1 = torch.linspace(0, 2 * math.pi, 1024)
    return torch.stack([x1, x1.sin()], 1)


def score_points(points: torch.Tensor, real: torch.Tensor) -> dict:
    return metrics.point_scores(points, points[:, :1].sin(), real, torch.sin)


def test_real_points_score_best(curve):
    scores = score_points(curve, curve)
    assert scores["curve_distance"] == 0
    assert scores["judge_error"] == 0
    assert scores["x1_coverage"] == 1
    assert scores["energy_distance"] == pytest.approx(0, abs=1e-9)
    assert scores["diversity"] == pytest.approx(1)
    assert scores["collapsed"] == 0


def test_faulty_points_score_worse_where_they_should(curve):
    raised = curve + torch.tensor([0.0, 0.25])
    assert score_points(raised, curve)["curve_distance"] == pytest.approx(0.25)
    assert score_points(raised, curve)["judge_error"] == pytest.approx(0.25)
    half = score_points(curve[:512], curve)
    assert half["x1_coverage"] == pytest.approx(0.5, abs=0.02)
    assert half["energy_distance"] > 0.1
    repeated = score_points(curve[:1].repeat(512, 1), curve)
    assert repeated["collapsed"] == 1
    assert repeated["diversity"] == 0
    assert "curve_distance" not in metrics.point_scores(raised, raised[:, 1:], curve, None)


def test_points_off_the_range_do_not_count_as_covering_it(curve):
    scores = score_points(curve + torch.tensor([100.0, 0.0]), curve)
    assert scores["x1_coverage"] == 0
    assert scores["collapsed"] == 1


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    """Features of images in four classes, a hundred of each, one after the other."""
    centres = 5 * torch.eye(4).repeat_interleave(100, 0)
    return centres + torch.randn(400, 4, generator=torch.Generator().manual_seed(0))


def score_images(features: torch.Tensor, real: torch.Tensor) -> dict:
    return metrics.image_scores(features, (4 * features).softmax(1), real)


def test_real_images_score_best(features):
    scores = score_images(features, features)
    assert scores["fid_judge"] == pytest.approx(0, abs=1e-9)
    assert scores["confidence"] > 0.95
    assert scores["class_entropy"] == pytest.approx(1, abs=1e-3)
    assert scores["classes_covered"] == 4
    assert [scores[f"class_share_{k}"] for k in range(4)] == pytest.approx([0.25] * 4, abs=0.01)
    assert scores["diversity"] == pytest.approx(1)
    assert scores["collapsed"] == 0


def test_a_single_repeated_image_has_collapsed(features):
    scores = score_images(features[:1].repeat(50, 1), features)
    assert scores["collapsed"] == 1
    assert scores["class_share_0"] == 1
    assert scores["class_entropy"] == 0
    assert scores["classes_covered"] == 1
    assert scores["fid_judge"] > 10


def test_little_diversity_is_a_collapse_too(features):
    scores = score_images(features.mean(0) + 0.1 * (features - features.mean(0)), features)
    assert scores["diversity"] == pytest.approx(0.01)
    assert scores["collapsed"] == 1


def test_a_missing_class_shows(features):
    scores = score_images(features[100:], features)
    assert scores["classes_covered"] == 3
    assert scores["class_share_0"] < 0.01
    assert scores["class_entropy"] == pytest.approx(math.log(3) / math.log(4), abs=0.02)
    assert scores["collapsed"] == 0


def test_scores_do_not_depend_on_the_order_of_samples(features, curve):
    there, back = score_images(features, features), score_images(features.flip(0), features)
    assert back == {name: pytest.approx(score, rel=1e-6, abs=1e-6) for name, score in there.items()}
    there, back = score_points(curve, curve), score_points(curve.flip(0), curve)
    assert back == {name: pytest.approx(score, rel=1e-6, abs=1e-6) for name, score in there.items()}
