import pytest
import torch
from sklearn import neighbors
from sklearn.neighbors import NearestNeighbors

from stages.gan.core import portability
from stages.gan.evaluation import copies


def images(count: int, side: int, seed: int = 0) -> torch.Tensor:
    noise = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, side, side), generator=noise, dtype=torch.uint8)


def test_the_nearest_distance_is_scikit_learns_and_0_for_copies():
    noise = torch.Generator().manual_seed(0)
    samples, real = (torch.randn(n, 5, generator=noise, dtype=torch.float64) for n in (230, 200))
    theirs = NearestNeighbors(n_neighbors=1).fit(real).kneighbors(samples)[0][:, 0]
    assert copies.nearest_distances(samples, real).tolist() == pytest.approx(theirs.tolist(), rel=1e-6)
    assert copies.nearest_distances(real[:9], real).tolist() == [0] * 9


@pytest.mark.parametrize("columns", [2, 11])
def test_many_points_are_searched_as_few_are(columns, monkeypatch):
    noise = torch.Generator().manual_seed(0)
    samples, real = (torch.randn(n, columns, generator=noise, dtype=torch.float64) for n in (1300, 5000))
    real[2000:4000] = real[:1].clone()  # many that are the same
    samples[-9:] = real[3996:4005]
    there = copies.nearest_distances(samples, real)
    built = []
    tree = neighbors.KDTree
    monkeypatch.setattr(neighbors, "KDTree", lambda rows: built.append(len(rows)) or tree(rows))
    monkeypatch.setattr(copies, "_MANY", 1000)
    assert torch.equal(copies.nearest_distances(samples, real), there)
    assert there[-9:].tolist() == [0] * 9
    assert built == ([3000] if columns == 2 else [])


def test_the_nearest_image_is_found_exactly(monkeypatch):
    monkeypatch.setattr(portability, "is_limited", lambda: False)  # so that factors may be bfloat16
    real = images(50, 28)
    near = real.clone()
    near[..., 0, 0] = torch.where(real[..., 0, 0] > 128, real[..., 0, 0] - 1, real[..., 0, 0] + 1)
    real = torch.cat([near.roll(1, 3), real])
    assert copies.nearest_distances(near, real).tolist() == [1] * 50
    assert torch.get_float32_matmul_precision() == "highest"


def test_one_in_a_hundred_test_samples_is_nearer_than_the_threshold():
    nearest = torch.randperm(500, generator=torch.Generator().manual_seed(0)).double()
    assert copies.threshold(nearest) == 5
    assert (nearest < copies.threshold(nearest)).double().mean() == 0.01
    assert copies.threshold(torch.tensor([3.0, 2.0])) == 2
    assert copies.threshold(torch.tensor([0.0, 3.0, 0.0, 2.0])) == 2  # copies do not count
    assert copies.threshold(torch.zeros(3)) == 0


@pytest.mark.parametrize("side", [8, 28, 30])  # of large ones, small ones are compared first
def test_planted_copies_are_counted_exact_and_near(side):
    real, samples = images(300, side), images(100, side, seed=1)
    near = copies.threshold(copies.nearest_distances(images(200, side, seed=2), real))
    assert not copies.find(samples, real, near).exact.any()
    before = copies.find(samples, real, near).near.double().mean()
    assert before < 0.1
    samples[:30] = real[:30]
    samples[30:40] = real[30:40]
    samples[30:40, :, 0, 0] ^= 1
    found = copies.find(samples, real, near)
    assert found.exact.double().mean() == pytest.approx(0.3)
    assert found.near[:40].all()
    assert torch.equal(found.near, copies.nearest_distances(samples, real) < near)


def test_with_no_distance_to_keep_exact_copies_are_found_all_the_same():
    real = images(20, 28)
    found = copies.find(real[:5], real, 0.0)
    assert found.exact.all()
    assert found.near.all()  # nothing is nearer than a copy


def test_repetitions_are_not_distinct():
    assert copies.distinct(images(50, 8)) == 1
    assert copies.distinct(images(5, 8).repeat(10, 1, 1, 1)) == 0.1
    assert copies.distinct(torch.zeros(8, 2)) == 1 / 8


def test_the_size_of_the_parts_does_not_matter(monkeypatch):
    real, samples = images(60, 28), images(40, 28, seed=1)
    whole = copies.find(samples, real, 3000.0)
    monkeypatch.setattr(copies, "MOST_DISTANCES", 300)
    assert all(torch.equal(a, b) for a, b in zip(copies.find(samples, real, 3000.0), whole, strict=True))
