"""Distances between two sets of samples: 0 for the same distribution, larger for less similar ones.

All are computed in double precision, from the features (or standardised points) of both sets.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from stages.gan.evaluation.linear_algebra import one_thread


class Gaussian(NamedTuple):
    """A Gaussian, for the Fréchet distance: the mean [F] and the square root of the covariance [F, F]."""

    mean: Tensor
    root: Tensor


def gaussian(features: Tensor) -> Gaussian:
    """The Gaussian fitted to features [N, F], N at least 2."""
    mean, covariance = _moments(features)
    with one_thread():
        values, vectors = np.linalg.eigh(covariance)
        root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return Gaussian(torch.from_numpy(mean), torch.from_numpy(root))


def frechet_distance(x: Tensor, y: Gaussian) -> float:
    """Fréchet distance between ``y`` and the Gaussian with the mean and covariance of ``x``.

    |μx - μy|² + tr(Σx + Σy - 2(Σx Σy)^½), in the features' units squared (Dowson & Landau 1982); with the
    features of Inception-V3 it is known as FID (Heusel et al. 2017). The trace of the last root is computed
    as that of (Σy^½ Σx Σy^½)^½, which is symmetric. For few samples the distance is too large, by about the
    same amount for all sets of one size.

    Args:
        x: features [N, F], N at least 2.
        y: the Gaussian fitted to features [M, F].
    """
    mean, covariance = _moments(x)
    there, root = y.mean.numpy(), y.root.numpy()
    with one_thread():
        product = root @ covariance @ root
        shared = np.sqrt(np.linalg.eigvalsh((product + product.T) / 2).clip(min=0)).sum()
    apart = np.square(mean - there).sum()
    return max(0.0, float(apart + np.trace(covariance) + np.square(root).sum() - 2 * shared))


def _moments(features: Tensor) -> tuple[np.ndarray, np.ndarray]:
    x = features.double().numpy()
    mean = x.mean(0)
    centred = x - mean
    with one_thread():
        return mean, centred.T @ centred / (len(x) - 1)


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
