import math

import pytest
import torch
from scipy import stats

from stages.gan.core.wasserstein import sliced_wasserstein, wasserstein


def normal(count: int, *scale: float, seed: int = 0) -> torch.Tensor:
    noise = torch.Generator().manual_seed(seed)
    return torch.randn(count, len(scale), generator=noise, dtype=torch.float64) * torch.tensor(scale)


@pytest.mark.parametrize(("n", "m"), [(400, 400), (400, 130), (7, 11), (1, 5)])
def test_the_wasserstein_distance_is_scipys_whatever_the_counts(n, m):
    x, y = normal(n, 1, 2), normal(m, 2, 1, seed=1)
    theirs = [stats.wasserstein_distance(x[:, k].numpy(), y[:, k].numpy()) for k in (0, 1)]
    assert wasserstein(x, y).tolist() == pytest.approx(theirs, rel=1e-6)


def test_the_sliced_wasserstein_distance_of_a_shift_is_the_closed_forms():
    x = normal(500, 1, 1)
    assert wasserstein(x + 3, x).tolist() == pytest.approx([3, 3])
    assert sliced_wasserstein(x, x) == 0
    # The mean of |cos| over all directions of the plane is 2/π; over a hundred of them, about that.
    shift = torch.tensor([3.0, 4.0])
    assert sliced_wasserstein(x + shift, x) == pytest.approx(5 * 2 / math.pi, rel=0.1)
    # In one dimension every direction is the line.
    assert sliced_wasserstein(x[:, :1] + 2, x[:, :1]) == pytest.approx(2)
