import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch_fidelity.metric_prc import prc_features_to_metric

from stages.gan.evaluation import pairs


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
    found = pairs.compare(samples, pairs.prepare(real))
    return [found[name] for name in ("precision", "recall", "density", "coverage")]


def test_all_four_scores_are_those_of_scikit_learns_neighbours(sets):
    samples, real = (part.double() for part in sets)
    inside, reached = within(samples, real, kth(real, 3)), within(real, samples, kth(samples, 3))
    precision, recall = (balls.any(1).double().mean().item() for balls in (inside, reached))
    inside = within(samples, real, kth(real, 5))
    density, coverage = inside.double().sum().item() / (5 * 230), inside.any(0).double().mean().item()
    assert min(precision, recall, density, coverage) > 0.1
    assert scores(*sets) == pytest.approx([precision, recall, density, coverage], rel=1e-6)


def test_ties_are_turned_where_there_are_any(sets):
    names = ("precision", "recall", "density", "coverage", "nn_accuracy")
    real = pairs.prepare(sets[1])
    assert pairs.compare(sets[0], real, turned=True) == pairs.compare(sets[0], real)
    stars = torch.arange(5.0).repeat(20)[:, None]
    one, other = (pairs.compare(stars, pairs.prepare(stars), turned=turned) for turned in (False, True))
    assert [one[name] for name in names] == [1, 1, 0, 0, 0.5]
    assert [other[name] for name in names] == [0, 0, 4, 1, 1]
    assert one["kernel_distance"] == other["kernel_distance"]


def test_precision_and_recall_are_torch_fidelitys(sets):
    theirs = prc_features_to_metric(
        *(part.double() for part in sets), prc_neighborhood=3, prc_batch_size=100, verbose=False
    )
    assert scores(*sets)[:2] == pytest.approx([theirs["precision"], theirs["recall"]])


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


def test_the_nearest_neighbour_tells_as_often_as_scikit_learns_classifier(sets):
    both = torch.cat(sets).double().numpy()
    labels = np.repeat([0, 1], [len(part) for part in sets])
    told = [
        KNeighborsClassifier(1).fit(np.delete(both, i, 0), np.delete(labels, i)).predict(both[i : i + 1])[0]
        == labels[i]
        for i in range(len(both))
    ]
    expected = np.mean([np.mean(np.array(told)[labels == label]) for label in (0, 1)])
    found = pairs.compare(sets[0], pairs.prepare(sets[1]))["nn_accuracy"]
    assert found == pytest.approx(expected)
    assert 0.5 < found < 1


def test_the_nearest_neighbour_tells_sets_apart_and_falls_for_copies(sets):
    samples, real = sets
    known = pairs.prepare(real)
    assert pairs.compare(samples + 100, known)["nn_accuracy"] == 1
    assert pairs.compare(real, known)["nn_accuracy"] == 0  # the nearest to each is its copy
    one = (real[:1] + 0.1).expand_as(real)
    assert pairs.compare(one, known)["nn_accuracy"] > 0.97


def test_the_kernel_distance_is_that_of_scikit_learns_kernel_over_all_pairs(sets):
    x, y = (part.double().numpy() for part in sets)
    xx, yy, xy = (polynomial_kernel(p, q, degree=3, coef0=1) for p, q in ((x, x), (y, y), (x, y)))
    expected = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)) - 2 * xy.mean()
    found = pairs.compare(sets[0], pairs.prepare(sets[1]))["kernel_distance"]
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_kernel_distance_of_equal_distributions_scatters_around_zero():
    noise = torch.Generator().manual_seed(0)
    found = [
        pairs.compare(
            *(torch.randn(60, 3, generator=noise), pairs.prepare(torch.randn(60, 3, generator=noise)))
        )
        for _ in range(40)
    ]
    values = torch.tensor([scores["kernel_distance"] for scores in found])
    assert (values < 0).any()
    assert abs(values.mean()) < 3 * values.std() / 40**0.5


def test_the_size_of_the_parts_does_not_matter(sets, monkeypatch):
    whole = pairs.compare(sets[0], pairs.prepare(sets[1]))
    monkeypatch.setattr(pairs, "ROWS", 7)
    assert pairs.compare(sets[0], pairs.prepare(sets[1])) == pytest.approx(whole, rel=1e-9)


def test_a_handful_of_samples_is_enough_for_all_scores():
    noise = torch.Generator().manual_seed(0)
    found = pairs.compare(
        *(torch.rand(2, 3, generator=noise), pairs.prepare(torch.rand(2, 3, generator=noise)))
    )
    assert all(0 <= score <= 2 for name, score in found.items() if name != "kernel_distance")


def test_precision_and_density_may_go_by_other_features(sets):
    samples, real = sets
    scaled = samples * torch.linspace(0.1, 3, 5), pairs.prepare(real * torch.linspace(0.1, 3, 5))
    found, plain = (
        pairs.compare(samples, pairs.prepare(real), scaled),
        pairs.compare(samples, pairs.prepare(real)),
    )
    alone = pairs.compare(*scaled)
    for name, score in found.items():
        assert score == (alone if name in ("precision", "density") else plain)[name], name
    assert found["precision"] != plain["precision"]
