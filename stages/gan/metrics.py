"""Scores: how close generated samples are to real ones, and how much of them they cover."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from stages.gan.scores import Scores

BINS = 50  # of the first coordinate's range, for its coverage
COVERED = 0.1  # of its fair share of the samples: what a class or bin needs to count as covered
COLLAPSED_COVERAGE = 0.5  # a run that covers less of the bins or classes has collapsed
COLLAPSED_ENTROPY = 0.5  # and so has one whose classes have less of the greatest entropy,
COLLAPSED_DIVERSITY = 0.1  # and one with less of the real samples' variance
MOST_POINTS = 10_000  # that the energy distance looks at: it compares every one with every other


def point_scores(
    points: Tensor, expected: Tensor, real: Tensor, curve: Callable[[Tensor], Tensor] | None
) -> Scores:
    """Scores of generated points.

    - ``curve_distance``: mean |x2 - curve(x1)|, in the data's units; only where the curve is known.
    - ``judge_error``: mean distance of the last coordinate to what the judge expects from the others.
    - ``x1_coverage``: share of 50 equal bins of the real x1's range that hold at least a tenth of their
      fair share of the samples, in [0, 1].
    - ``energy_distance``: see :func:`energy_distance`, in units of the real points' standard deviations; of
      the first 10,000 points.
    - ``diversity``: the samples' total variance over the real points' (1 is right).
    - ``collapsed``: 1 if x1_coverage is below 0.5 or diversity below 0.1, else 0.

    Args:
        points: generated points, float32 [N, D].
        expected: their last coordinates as the judge expects them from the others, float32 [N, 1].
        real: the training points, float32 [M, D].
        curve: x2 as a function of x1, if known.
    """
    mean, deviation = real.mean(0), real.std(0)
    x1, low, high = points[:, 0], real[:, 0].min().item(), real[:, 0].max().item()
    counts = torch.histc(x1[(x1 >= low) & (x1 <= high)], BINS, low, high)
    coverage = (counts >= COVERED * len(points) / BINS).float().mean().item()
    scores: Scores = {}
    if curve is not None:
        scores["curve_distance"] = (points[:, 1] - curve(x1)).abs().mean().item()
    scores["judge_error"] = (points[:, -1:] - expected).abs().mean().item()
    scores["x1_coverage"] = coverage
    scores["energy_distance"] = energy_distance(
        (points[:MOST_POINTS] - mean) / deviation, (real[:MOST_POINTS] - mean) / deviation
    )
    scores["diversity"] = diversity(points, real)
    scores["collapsed"] = int(coverage < COLLAPSED_COVERAGE or scores["diversity"] < COLLAPSED_DIVERSITY)
    return scores


def image_scores(features: Tensor, probabilities: Tensor, real_features: Tensor) -> Scores:
    """Scores of generated images, by a classifier's eyes.

    - ``fid_judge``: see :func:`frechet_distance`, on the judge's features.
    - ``confidence``: the judge's mean probability for the class it picks, in [0, 1].
    - ``class_entropy``: entropy of the shares of the classes over its maximum, in [0, 1].
    - ``classes_covered``: classes with at least a tenth of their fair share of the samples.
    - ``diversity``: total variance of the samples' features over the real images' (1 is right).
    - ``collapsed``: 1 if under half of the classes are covered, or class_entropy is below 0.5, or diversity
      below 0.1, else 0.
    - ``class_share_0``…: share of the samples that the judge puts into each class.

    Args:
        features: the judge's features of the generated images, float32 [N, F].
        probabilities: its probabilities of the classes, float32 [N, K].
        real_features: its features of the training images, float32 [M, F].
    """
    classes = probabilities.shape[1]
    shares = torch.bincount(probabilities.argmax(1), minlength=classes).double() / len(probabilities)
    scores: Scores = {
        "fid_judge": frechet_distance(features, real_features),
        "confidence": probabilities.amax(1).mean().item(),
        "class_entropy": (torch.special.entr(shares).sum() / np.log(classes)).item(),
        "classes_covered": int((shares >= COVERED / classes).sum()),
        "diversity": diversity(features, real_features),
    }
    scores["collapsed"] = int(
        scores["classes_covered"] / classes < COLLAPSED_COVERAGE
        or scores["class_entropy"] < COLLAPSED_ENTROPY
        or scores["diversity"] < COLLAPSED_DIVERSITY
    )
    return scores | {f"class_share_{label}": share for label, share in enumerate(shares.tolist())}


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """Fréchet distance between Gaussians with the means and covariances of ``x`` and ``y``.

    |μx - μy|² + tr(Σx + Σy - 2(Σx Σy)^½), in the features' units squared (Dowson & Landau 1982); with the
    features of Inception-V3 it is known as FID (Heusel et al. 2017).

    Args:
        x: features [N, F].
        y: features [M, F].
    """
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

    statistics = [fid_features_to_statistics(features.double()) for features in (x, y)]
    return float(fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID])


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


def diversity(x: Tensor, real: Tensor) -> float:
    """Total variance of ``x`` [N, F] over that of ``real`` [M, F]."""
    return float(x.double().var(0).sum() / real.double().var(0).sum())
