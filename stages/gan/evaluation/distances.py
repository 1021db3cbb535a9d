"""Distances between two sets of samples: 0 for the same distribution, and more the less alike they are.

All are computed in double precision, from features (or standardised points) of both sets.
"""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from stages.gan.core.randomness import generator
from stages.gan.evaluation.blocks import SEED

SUBSETS, SUBSET = 100, 1000  # of the kernel distance, as is usual: how many, and the most samples in one
DIRECTIONS = 100  # that the sliced Wasserstein distance projects on

Gaussian = dict[str, Any]  # the mean and covariance of features, as torch-fidelity keeps them


def gaussian(features: Tensor) -> Gaussian:
    """Mean and covariance of features [N, F], for :func:`frechet_distance`."""
    from torch_fidelity.metric_fid import fid_features_to_statistics

    with _one_thread():
        fitted: Gaussian = fid_features_to_statistics(features.double())
    fitted["sigma"] = np.atleast_2d(fitted["sigma"])  # of a single feature, it is a number
    return fitted


def frechet_distance(x: Tensor | Gaussian, y: Tensor | Gaussian) -> float:
    """Fréchet distance between Gaussians with the means and covariances of ``x`` and ``y``.

    |μx - μy|² + tr(Σx + Σy - 2(Σx Σy)^½), in the features' units squared (Dowson & Landau 1982); with the
    features of Inception-V3 it is known as FID (Heusel et al. 2017). It is too large for few samples, by
    about the same for all sets of one size.

    Args:
        x: features [N, F], or the Gaussian fitted to them.
        y: features [M, F], or the Gaussian fitted to them.
    """
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    fitted = [gaussian(features) if isinstance(features, Tensor) else features for features in (x, y)]
    with _one_thread():
        return float(fid_statistics_to_metric(*fitted, verbose=False)[KEY_METRIC_FID])


def kernel_distance(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Kernel distance (KID, Bińkowski et al. 2018): the mean over subsets, and their standard deviation.

    The unbiased estimate of the squared maximum mean discrepancy with the kernel (x·y / F + 1)³, from 100
    pairs of random subsets. A subset has 1,000 samples, or half of the smaller set if that is less: subsets
    of all would be the same one a hundred times. Equal distributions have 0, so a little below 0 occurs.

    Args:
        x: features [N, F], N at least 2.
        y: features [M, F], M at least 2.
    """
    from torch_fidelity.metric_kid import mmd2

    size = max(2, min(SUBSET, len(x) // 2, len(y) // 2))
    sets = x.double(), y.double()
    draw = np.random.RandomState(SEED)  # torch-fidelity's own subsets; its cube is 13 times as slow below 0
    found = []
    for _ in range(SUBSETS):
        a, b = (part[draw.choice(len(part), size, replace=False)] for part in sets)
        found.append(mmd2(_cubic(a, a), _cubic(a, b), _cubic(b, b)))
    return float(np.mean(found)), float(np.std(found))


def _cubic(x: Tensor, y: Tensor) -> Any:
    """The kernel (x·y / F + 1)³ between features [N, F] and [M, F], as an array [N, M]."""
    products = x @ y.T / x.shape[1] + 1
    return (products * products * products).numpy()


def energy_distance(x: Tensor, y: Tensor) -> float:
    """Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| (Székely & Rizzo 2013), 0 for equal distributions.

    Args:
        x: points [N, D].
        y: points [M, D].
    """

    def mean_distance(a: Tensor, b: Tensor) -> float:
        parts = (torch.cdist(part, b, compute_mode="donot_use_mm_for_euclid_dist") for part in a.split(1000))
        return float(sum(part.sum().item() for part in parts) / (len(a) * len(b)))

    x, y = x.double(), y.double()
    return 2 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y)


def sliced_wasserstein(x: Tensor, y: Tensor) -> float:
    """Sliced Wasserstein distance (Bonneel et al. 2015): how far points move along a direction, on average.

    The mean over 100 fixed random directions of the Wasserstein distance W1 between the points' projections
    on it, in the points' units.

    Args:
        x: points [N, D].
        y: points [M, D].
    """
    noise = generator(SEED, "sliced_wasserstein")
    directions = torch.randn(x.shape[1], DIRECTIONS, generator=noise, dtype=torch.float64)
    directions /= directions.norm(dim=0)
    return wasserstein(x.double() @ directions, y.double() @ directions).mean().item()


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


def _one_thread() -> AbstractContextManager[Any]:
    """Have NumPy's matrix products take one thread.

    How many they take decides how sums are rounded, and by default depends on the machine; and those threads
    would compete with PyTorch's, which spin while they wait, so that small products take many times as long.
    """
    limits: AbstractContextManager[Any] = threadpool_limits(limits=1, user_api="blas")
    return limits
