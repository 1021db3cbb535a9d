"""Scores by nearest neighbours: whether samples lie where real ones do, everywhere they do, or on them.

A neighbourhood of a sample is the ball around it that reaches to its k-th nearest neighbour in its own set.
Their sizes depend on how many samples there are, so these scores are comparable between equal counts only
(memorisation excepted). Distances are computed in parts: never more than a few hundred megabytes at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from stages.gan.core import portability
from stages.gan.core.products import linear

K_PRECISION = 3  # for precision and recall, as in their paper
K_DENSITY = 5  # for density and coverage, as in theirs
ROWS = 1000  # samples whose distances to all of the other set are computed at once
MOST_DISTANCES = 2**25  # in a part, where the other set may be large


def precision_recall(samples: Tensor, real: Tensor) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi et al. 2019), k = 3, in [0, 1].

    The share of the samples within a real one's neighbourhood, and the share of the real ones within a
    sample's.

    Args:
        samples: features [N, F].
        real: features [M, F].
    """
    from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

    found = prc_features_to_metric(
        samples.double(),
        real.double(),
        prc_neighborhood=min(K_PRECISION, len(samples) - 1, len(real) - 1),
        prc_batch_size=ROWS,
        save_cpu_ram=True,
        verbose=False,
    )
    return found[KEY_METRIC_PRECISION], found[KEY_METRIC_RECALL]


def radii(real: Tensor) -> Tensor:
    """The radii of the neighbourhoods of real samples, for :func:`density_coverage`, k = 5.

    Args:
        real: features [M, F].

    Returns:
        float32 [M].
    """
    real = real.double()
    nth = min(K_DENSITY, len(real) - 1) + 1  # the nearest one to each is itself
    return torch.cat([_distances(part, real).kthvalue(nth).values for part in real.split(ROWS)])


def density_coverage(samples: Tensor, real: Tensor, radii: Tensor) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020), k = 5.

    Density is the mean number of real neighbourhoods that a sample is in, over k: about 1 for real samples,
    and it may be more. Coverage is the share of the real neighbourhoods with a sample in them, in [0, 1].

    Args:
        samples: features [N, F].
        real: features [M, F].
        radii: of the real samples' neighbourhoods, see :func:`radii`.
    """
    samples, real = samples.double(), real.double()
    inside, covered = 0, torch.zeros(len(real), dtype=torch.bool)
    for part in samples.split(ROWS):
        within = _distances(part, real) < radii
        inside += int(within.sum())
        covered |= within.any(0)
    k = min(K_DENSITY, len(real) - 1)
    return inside / (k * len(samples)), covered.double().mean().item()


def nearest_distances(samples: Tensor, real: Tensor) -> Tensor:
    """The distance of each sample to the nearest real one, 0 for a copy.

    Where the bytes need not be those of other processors, the search takes the factors of float32 products
    as bfloat16 if that is faster: integers up to 256, such as pixels, lose nothing by that. Of others it may
    find one that is only nearly the nearest. The distance to the one that it finds is computed in double
    precision.

    Args:
        samples: [N, F].
        real: [M, F]; both around 0, as the search squares them.

    Returns:
        float64 [N].
    """
    squares, found = real.square().sum(1), []
    with _fast_products():
        for part in samples.split(max(1, MOST_DISTANCES // len(real))):
            nearest = real[linear(-2 * part, real, squares).argmin(1)]
            found.append((part.double() - nearest.double()).norm(dim=1))
    return torch.cat(found)


@contextmanager
def _fast_products() -> Iterator[None]:
    """Let float32 products have bfloat16 factors, where the libraries are not limited; sums stay float32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(before if portability.is_limited() else "medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """Distances [N, M], computed in double precision and rounded, so that equal ones compare as equal."""
    return torch.cdist(x, y).float()
