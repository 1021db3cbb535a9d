import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from stages.gan.core import portability
from stages.gan.evaluation import neighbours


@pytest.fixture(scope="module")
def sets() -> tuple[torch.Tensor, torch.Tensor]:
    """Features of samples and of real ones that overlap in part."""
    noise = torch.Generator().manual_seed(0)
    samples, real = torch.randn(230, 5, generator=noise), torch.randn(200, 5, generator=noise)
    return samples * 1.3 + 0.5, real


def kth(features: torch.Tensor, k: int):
    """The distance to the k-th neighbour but itself, by scikit-learn."""
    return NearestNeighbors(n_neighbors=k + 1).fit(features).kneighbors(features)[0][:, -1]


def within(samples: torch.Tensor, real: torch.Tensor, radii) -> torch.Tensor:
    """Which samples are in which real ones' balls, by scikit-learn's distances."""
    distances, index = NearestNeighbors(n_neighbors=len(real)).fit(real).kneighbors(samples)
    found = torch.zeros(len(samples), len(real), dtype=torch.bool)
    return found.scatter_(1, torch.from_numpy(index), torch.from_numpy(distances <= radii[index]))


def scores(samples: torch.Tensor, real: torch.Tensor) -> list[float]:
    return [
        *neighbours.precision_recall(samples, real),
        *neighbours.density_coverage(samples, real, neighbours.radii(real)),
    ]


def test_all_four_scores_are_those_of_scikit_learns_neighbours(sets):
    samples, real = (part.double() for part in sets)
    inside, reached = within(samples, real, kth(real, 3)), within(real, samples, kth(samples, 3))
    precision, recall = (balls.any(1).double().mean().item() for balls in (inside, reached))
    inside = within(samples, real, kth(real, 5))
    density, coverage = inside.double().sum().item() / (5 * 230), inside.any(0).double().mean().item()
    assert min(precision, recall, density, coverage) > 0.1
    assert scores(*sets) == pytest.approx([precision, recall, density, coverage], rel=1e-6)


def test_the_real_set_itself_and_a_far_one_score_as_they_must(sets):
    _, real = sets
    precision, recall, density, coverage = scores(real, real)
    assert (precision, recall, coverage) == (1, 1, 1)
    # A real one is in its own ball, and in those of which it is one of the 4 nearest but the last.
    assert density == pytest.approx(1)
    assert scores(real + 100, real) == [0, 0, 0, 0]


def test_a_missing_half_is_seen_by_recall_and_coverage_alone():
    line = torch.arange(100.0)[:, None]
    precision, recall, density, coverage = scores(line[:50] + 0.25, line)
    assert precision == 1
    assert density == pytest.approx(1.2)  # balls of ±3 hold 6 of points as dense, off by a quarter
    assert recall == pytest.approx(0.5, abs=0.05)
    assert coverage == pytest.approx(0.5, abs=0.05)


def test_the_size_of_the_parts_does_not_matter(sets, monkeypatch):
    points = [part.double() for part in sets]
    whole = scores(*sets), neighbours.nearest_distances(*points)
    monkeypatch.setattr(neighbours, "ROWS", 7)
    monkeypatch.setattr(neighbours, "MOST_DISTANCES", 900)
    assert scores(*sets) == pytest.approx(whole[0], rel=1e-9)
    assert torch.allclose(neighbours.nearest_distances(*points), whole[1], rtol=1e-9)


def test_a_handful_of_samples_is_enough_for_all_scores():
    assert all(0 <= score <= 2 for score in scores(torch.rand(2, 3), torch.rand(2, 3)))


def test_the_nearest_distance_is_scikit_learns_and_0_for_copies(sets):
    samples, real = (part.double() for part in sets)
    theirs = NearestNeighbors(n_neighbors=1).fit(real).kneighbors(samples)[0][:, 0]
    assert neighbours.nearest_distances(samples, real).tolist() == pytest.approx(theirs.tolist(), rel=1e-6)
    assert neighbours.nearest_distances(real[:9], real).tolist() == [0] * 9


def test_the_nearest_image_is_found_exactly(monkeypatch):
    monkeypatch.setattr(portability, "is_limited", lambda: False)  # so that factors may be bfloat16
    noise = torch.Generator().manual_seed(0)
    real = torch.randint(-128, 128, (50, 784), generator=noise).float()
    near = real.clone()
    near[:, 0] += torch.where(real[:, 0] > 0, -1, 1)  # a single pixel by a single grey level
    real = torch.cat([near.roll(1, 1), real])
    assert neighbours.nearest_distances(near, real).tolist() == [1] * 50
    assert torch.get_float32_matmul_precision() == "highest"
