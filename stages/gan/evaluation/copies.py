"""Copies: which samples equal a training sample, or nearly so, and which repeat each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stages.gan.core import portability
from stages.gan.core.products import linear
from stages.gan.evaluation.linear_algebra import products

NEAR = 0.01  # the share of test samples that are nearer to a training sample than the threshold
MOST = 10_000  # samples that are searched for among the training samples, at most
MOST_DISTANCES = 2**25  # computed at once
_TILE = 4096  # real points at once: their distances to a part of the samples stay in the CPU's cache
_PART = 500  # samples in a part
_MANY = 10**9  # pairs of points: for more, a tree is faster,
_COLUMNS = 10  # if the points have no more coordinates than this
_SIDE = 7  # pixels: the least side of the small images with which a search begins
_SLACK = 1e-5  # of the squared lengths: the rounding error of the distances of small images


class Copies(NamedTuple):
    """Which samples are copies of training samples; bool [N].

    Attributes:
        near: those that are nearer to a training sample than 99% of the test samples are.
        exact: those that equal a training sample.
    """

    near: Tensor
    exact: Tensor

    @staticmethod
    def of(nearest: Tensor, near: float) -> "Copies":
        """The copies, by the distances to the nearest training samples [N] and the :func:`threshold`."""
        return Copies((nearest < near) | (nearest == 0), nearest == 0)


def threshold(nearest: Tensor) -> float:
    """The distance to the training samples that 99% of the test samples exceed, by the distances of all [N].

    Test samples that are themselves copies of training samples do not count; if all are, it is 0.
    """
    kept = nearest[nearest > 0].sort().values
    return float(kept[int(NEAR * len(kept))]) if len(kept) else 0.0


def find(samples: Tensor, real: Tensor, near: float) -> Copies:
    """Which samples are copies of real ones.

    Images are first compared as small ones, in which each pixel is the mean of a square. Small images are not
    further apart than the images themselves (the means, times the side of the square, are a projection). Only
    those that may be near are then searched at full size.

    Args:
        samples: uint8 [N, C, H, W], or standardised points float64 [N, D].
        real: likewise.
        near: see :func:`threshold`.
    """
    nearest = torch.full((len(samples),), torch.inf, dtype=torch.float64)
    candidates = _candidates(samples, real, near)
    if len(candidates):
        nearest[candidates] = nearest_distances(samples[candidates], real)
    return Copies.of(nearest, near)


def distinct(samples: Tensor) -> float:
    """The share of samples [N, …] that remain without repetitions, in (0, 1]."""
    return len({row.tobytes() for row in samples.numpy()}) / len(samples)


def nearest_distances(samples: Tensor, real: Tensor) -> Tensor:
    """The distance of each sample to the nearest real one, 0 for a copy; float64 [N].

    If the bytes need not equal those of other processors, the search rounds the factors of float32 products
    to bfloat16 where that is faster. Integers up to 256, such as pixels, lose nothing by that; for others the
    search may find one that is only nearly the nearest. The distance to the one it finds is computed in
    double precision. Points are searched in double precision; many points of few coordinates are searched in
    a tree of the real ones.

    Args:
        samples: uint8 [N, C, H, W], or points float64 [N, D].
        real: likewise, [M, …].
    """
    samples, real = _flat(samples), _flat(real)
    search = _among_images
    if real.dtype == torch.float64:
        many = len(samples) * len(real) > _MANY and real.shape[1] <= _COLUMNS
        search = _in_tree if many else _among_points
    parts = zip(samples.split(_PART), search(samples, real).split(_PART), strict=True)
    return torch.cat([(part.double() - real[index].double()).norm(dim=1) for part, index in parts])


def _among_images(samples: Tensor, real: Tensor) -> Tensor:
    """The index of the real image that is nearest to each sample; int64 [N]."""
    squares = real.square().sum(1)
    with _fast_products():
        parts = samples.split(max(1, MOST_DISTANCES // len(real)))
        return torch.cat([linear(-2 * part, real, squares).argmin(1) for part in parts])


def _among_points(samples: Tensor, real: Tensor) -> Tensor:
    """The same for points, with one part of the real ones after the other."""
    squares = real.square().sum(1)
    least = torch.full((len(samples),), torch.inf, dtype=torch.float64)
    found = torch.zeros(len(samples), dtype=torch.int64)
    for rows in torch.arange(len(samples)).split(_PART):
        for start in range(0, len(real), _TILE):
            tile = slice(start, start + _TILE)
            there, index = torch.sub(squares[tile], products(samples[rows], real[tile]), alpha=2).min(1)
            found[rows] = torch.where(there < least[rows], index + start, found[rows])
            least[rows] = torch.minimum(least[rows], there)
    return found


def _in_tree(samples: Tensor, real: Tensor) -> Tensor:
    """The same by a tree of the distinct real rows: a search would visit all equal ones."""
    from sklearn.neighbors import KDTree  # it takes a second to import

    rows, first = np.unique(real.numpy(), axis=0, return_index=True)
    nearest = KDTree(rows).query(samples.numpy(), return_distance=False)[:, 0]
    return torch.from_numpy(first[nearest])


def _candidates(samples: Tensor, real: Tensor, near: float) -> Tensor:
    """The indices of samples that may be near copies."""
    factor = min(samples.shape[2:]) // _SIDE if samples.dim() == 4 else 1
    if factor < 2:
        return torch.arange(len(samples))
    small, others = (_small(images, factor) for images in (samples, real))
    squares = others.square().sum(1)
    slack = _SLACK * (squares.max() + small.square().sum(1).max())
    found = []
    for part in small.split(max(1, MOST_DISTANCES // len(real))):
        least = linear(-2 * part, others, squares).amin(1) + part.square().sum(1)
        found.append(least <= near**2 + slack)
    return torch.cat(found).nonzero()[:, 0]


def _small(images: Tensor, factor: int) -> Tensor:
    return functional.avg_pool2d(images.float() - 128, factor).flatten(1) * factor


def _flat(samples: Tensor) -> Tensor:
    """Pixels as float32, shifted to -128…127: sums of up to 1,024 products of such integers are exact."""
    return samples.flatten(1).float() - 128 if samples.dtype == torch.uint8 else samples


@contextmanager
def _fast_products() -> Iterator[None]:
    """Allow bfloat16 factors in float32 products, unless the libraries are limited; sums stay float32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(before if portability.is_limited() else "medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
