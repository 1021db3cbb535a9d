"""The sliced Wasserstein distance between two sets of samples; it needs no judge.

It is 0 for equal sets, and the larger, the more they differ. It is computed in double precision.
"""

import torch
from torch import Tensor

from stages.gan.core.randomness import generator

_DIRECTIONS = 100


def sliced_wasserstein(x: Tensor, y: Tensor) -> float:
    """Sliced Wasserstein distance (Bonneel et al. 2015): how far points move along a direction, on average.

    It is the mean, over 100 fixed random directions, of the Wasserstein distance W1 between the projections
    of both sets.

    Args:
        x: points [N, D].
        y: points [M, D].

    Returns:
        The distance in the points' units, at least 0.
    """
    return wasserstein(projected(x), projected(y)).mean().item()


def projected(x: Tensor) -> Tensor:
    """Projections of points [N, D] on the directions of :func:`sliced_wasserstein`: float64 [N, 100]."""
    noise = generator(0, "sliced_wasserstein")
    directions = torch.randn(x.shape[1], _DIRECTIONS, generator=noise, dtype=torch.float64)
    directions /= directions.norm(dim=0)
    return x.double() @ directions


def wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """The exact W1 = ∫|F⁻¹ - G⁻¹| between each column of ``x`` [N, K] and the same column of ``y`` [M, K].

    Returns:
        The distances [K].
    """
    n, m = len(x), len(y)
    # Both quantile functions are step functions: neither changes between two of these levels (in 1/nm).
    levels = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).unique()
    widths = levels.diff(prepend=levels.new_zeros(1)).to(x.dtype) / (n * m)
    gaps = (x.sort(0).values[(levels - 1) // m] - y.sort(0).values[(levels - 1) // n]).abs()
    integral: Tensor = widths @ gaps
    return integral
