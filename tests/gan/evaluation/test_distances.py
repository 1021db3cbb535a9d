import math

import numpy as np
import pytest
import torch
from scipy import linalg, stats
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from stages.gan.evaluation import distances


def normal(count: int, *scale: float, seed: int = 0) -> torch.Tensor:
    noise = torch.Generator().manual_seed(seed)
    return torch.randn(count, len(scale), generator=noise, dtype=torch.float64) * torch.tensor(scale)


def whitened(points: torch.Tensor) -> torch.Tensor:
    """Points with mean 0 and covariance 1, exactly."""
    centred = points - points.mean(0)
    return centred @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(centred.T))).T


@pytest.fixture(scope="module")
def features() -> tuple[torch.Tensor, torch.Tensor]:
    """Features of two sets with correlations, as a network would give them."""
    mix = normal(8, *[1.0] * 8, seed=2)
    return normal(300, *[1.0] * 8).float() @ mix.float(), (
        1.2 * normal(250, *[1.0] * 8, seed=1) + 0.3
    ).float()


def test_the_frechet_distance_of_two_gaussians_is_the_closed_forms():
    unit = whitened(normal(500, 1, 1, 1))
    scale, shift = torch.tensor([2.0, 1.0, 0.5]), torch.tensor([1.0, 0.0, -2.0])
    expected = (shift**2).sum() + ((scale - 1) ** 2).sum()  # both covariances are diagonal
    found = distances.frechet_distance(unit * scale + shift, distances.gaussian(unit))
    assert found == pytest.approx(expected.item(), rel=1e-9)
    assert distances.frechet_distance(unit, distances.gaussian(unit)) == pytest.approx(0, abs=1e-9)


def test_the_frechet_distance_is_that_of_scipys_matrix_root(features):
    x, y = (part.double().numpy() for part in features)
    sx, sy = np.cov(x.T), np.cov(y.T)
    root = linalg.sqrtm(sx @ sy).real
    theirs = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(sx + sy - 2 * root)
    assert distances.frechet_distance(features[0], distances.gaussian(features[1])) == pytest.approx(
        theirs, rel=1e-9
    )


def test_the_frechet_distance_is_torch_fidelitys(features):
    known = [fid_features_to_statistics(part.double()) for part in features]
    (theirs,) = fid_statistics_to_metric(*known, verbose=False).values()
    assert distances.frechet_distance(features[0], distances.gaussian(features[1])) == pytest.approx(
        theirs, rel=1e-9
    )


def test_the_frechet_distance_of_fewer_samples_than_features_is_finite_and_that_of_the_formula():
    x, y = normal(5, *[1.0] * 8), normal(90, *[1.0] * 8, seed=1)
    root = linalg.sqrtm(np.cov(x.numpy().T) @ np.cov(y.numpy().T)).real
    theirs = ((x.mean(0) - y.mean(0)) ** 2).sum() + x.var(0).sum() + y.var(0).sum() - 2 * np.trace(root)
    assert distances.frechet_distance(x, distances.gaussian(y)) == pytest.approx(theirs.item(), rel=1e-6)
    constant = torch.ones(7, 3)
    assert distances.frechet_distance(constant, distances.gaussian(constant)) == 0


def test_the_energy_distance_is_scipys_in_one_dimension():
    x, y = normal(1500, 1), normal(1200, 2, seed=1)
    theirs = stats.energy_distance(x[:, 0].numpy(), y[:, 0].numpy()) ** 2  # SciPy's is the root
    assert distances.energy_distance(x, y) == pytest.approx(theirs, rel=1e-6)


def test_the_energy_distance_of_a_shift_is_the_closed_forms():
    x = normal(1500, 1)
    assert distances.energy_distance(x, x) == pytest.approx(0, abs=1e-12)
    assert distances.energy_distance(x[:9] * 0 + 3, x[:5] * 0) == pytest.approx(6)  # of two single points
    shift, y = 2.0, normal(1500, 1, seed=1)
    # E|N(μ, 2)| of the difference of two standard normal numbers, shifted by μ or not
    across = 2 / math.sqrt(math.pi) * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)
    expected = 2 * across - 4 / math.sqrt(math.pi)
    assert distances.energy_distance(x + shift, y) == pytest.approx(expected, rel=0.05)
