"""The Wasserstein distance between two sets of samples, along directions: it needs no judge.

In double precision: 0 for the same distribution, and more the less alike the sets are.
"""

import torch
from torch import Tensor

from stages.gan.core.randomness import generator

_DIRECTIONS = 100


def sliced_wasserstein(x: Tensor, y: Tensor) -> float:
    """Sliced Wasserstein distance (Bonneel et al. 2015): how far points move along a direction, on average.

    The mean over 100 fixed random directions of the Wasserstein distance W1 between the points' projections
    on it, in the points' units.

    Args:
        x: points [N, D].
        y: points [M, D].
    """
    return wasserstein(projected(x), projected(y)).mean().item()


def projected(x: Tensor) -> Tensor:
    """Points [N, D] on the directions of the sliced Wasserstein distance: float64 [N, 100]."""
    noise = generator(0, "sliced_wasserstein")
    directions = torch.randn(x.shape[1], _DIRECTIONS, generator=noise, dtype=torch.float64)
    directions /= directions.norm(dim=0)
    return x.double() @ directions


def wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """The exact W1 = ∫|F⁻¹ - G⁻¹| between the numbers in each column of ``x`` [N, K] and of ``y`` [M, K].

    Returns:
        [K].
    """
    n, m = len(x), len(y)
    # Both quantile functions are steps; between two of these levels, in units of 1/nm, neither changes.
    levels = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()
    widths = levels.diff(prepend=levels.new_zeros(1)).to(x.dtype) / (n * m)
    gaps = (x.sort(0).values[(levels - 1) // m] - y.sort(0).values[(levels - 1) // n]).abs()
    integral: Tensor = widths @ gaps
    return integral
