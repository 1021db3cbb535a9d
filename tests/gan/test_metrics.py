import json
import math

import numpy as np
import pytest
import torch
from scipy.stats import energy_distance

from stages.gan import judges, metrics
from stages.gan.datasets import Split
from stages.gan.randomness import generator as random_generator


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
def curve() -> Split:
    x1 = torch.linspace(0, 2 * math.pi, 1024)
    return Split(torch.stack([x1, x1.sin()], 1))


class Sine(torch.nn.Module):
    """A judge that knows the curve."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sin()


def test_real_points_score_best(curve):
    scores = metrics.point_scores(curve.samples, curve, Sine(), torch.sin)
    assert scores["curve_distance"] == 0
    assert scores["judge_error"] == 0
    assert scores["x1_coverage"] == 1
    assert scores["energy_distance"] == pytest.approx(0, abs=1e-9)
    assert scores["diversity"] == pytest.approx(1)
    assert scores["collapsed"] == 0


def test_faulty_points_score_worse_where_they_should(curve):
    raised = curve.samples + torch.tensor([0.0, 0.25])
    assert metrics.point_scores(raised, curve, Sine(), torch.sin)["curve_distance"] == pytest.approx(0.25)
    half = metrics.point_scores(curve.samples[:512], curve, Sine(), torch.sin)
    assert half["x1_coverage"] == pytest.approx(0.5, abs=0.02)
    assert half["energy_distance"] > 0.1
    repeated = metrics.point_scores(curve.samples[:1].repeat(512, 1), curve, Sine(), torch.sin)
    assert repeated["collapsed"] == 1
    assert repeated["diversity"] == 0
    assert "curve_distance" not in metrics.point_scores(raised, curve, Sine(), None)


def test_points_far_away_or_off_the_range_do_not_count_as_covering_it(curve):
    outside = curve.samples + torch.tensor([100.0, 0.0])
    scores = metrics.point_scores(outside, curve, Sine(), torch.sin)
    assert scores["x1_coverage"] == 0
    assert scores["collapsed"] == 1


@pytest.fixture(scope="module")
def images() -> Split:
    """Four classes of images: one bright quarter each, with noise."""
    noise = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat(100)
    pictures = torch.randint(0, 60, (400, 1, 8, 8), generator=noise, dtype=torch.uint8)
    for label, picture in zip(labels, pictures, strict=True):
        row, column = divmod(int(label), 2)
        picture[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 190
    return Split(pictures, labels)


@pytest.fixture(scope="module")
def judge(images) -> judges.Classifier:
    network = judges.Classifier((1, 8, 8), 4, [8], 16, random_generator(1, "judge"))
    x = images.samples.float() / 127.5 - 1
    list(judges.fit(network, x, images.labels, epochs=10, batch_size=20, lr=0.01, seed=1))
    return network


def test_real_images_score_best(images, judge):
    scores = metrics.image_scores(images.samples, images, judge)
    assert scores["fid_judge"] == pytest.approx(0, abs=1e-5)
    assert scores["confidence"] > 0.95
    assert scores["class_entropy"] == pytest.approx(1)
    assert scores["classes_covered"] == 4
    assert [scores[f"class_share_{k}"] for k in range(4)] == [0.25] * 4
    assert scores["collapsed"] == 0


def test_a_single_repeated_image_has_collapsed(images, judge):
    scores = metrics.image_scores(images.samples[:1].repeat(50, 1, 1, 1), images, judge)
    assert scores["collapsed"] == 1
    assert scores["class_share_0"] == 1
    assert scores["class_entropy"] == 0
    assert scores["fid_judge"] > 1


def test_a_missing_class_shows(images, judge):
    scores = metrics.image_scores(images.samples[images.labels > 0], images, judge)
    assert scores["classes_covered"] == 3
    assert scores["class_share_0"] == 0
    assert scores["class_entropy"] == pytest.approx(math.log(3) / math.log(4))
    assert scores["collapsed"] == 0


def test_scores_do_not_depend_on_the_order_of_samples(images, judge):
    there = metrics.image_scores(images.samples, images, judge)
    back = metrics.image_scores(images.samples.flip(0), images, judge)
    for name, score in there.items():
        assert back[name] == pytest.approx(score, rel=1e-6, abs=1e-6)


def test_saved_scores_are_rounded_numbers(tmp_path):
    saved = metrics.save(tmp_path / "a" / "metrics.json", {"x": 1 / 3, "n": 1234567, "y": np.float64(2e-9)})
    assert json.loads((tmp_path / "a" / "metrics.json").read_text()) == saved
    assert saved == {"x": 0.333333, "n": 1234567, "y": 2e-9}
