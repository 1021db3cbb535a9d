"""Scores that look at one set of samples at a time: its classes, its curve, its spread."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from stages.gan.evaluation.scores import CLASS_SHARE, Scores

BINS = 50  # of the first coordinate's range, for its coverage
COVERED = 0.1  # of its fair share of the samples: what a class or bin needs to count as covered
ON_CURVE = 0.05  # of the data's units: how near to the curve a point counts as on it
LEAST_LOGIT = -700.0  # below the greatest of a sample: a probability that double precision still holds


def class_scores(logits: Tensor) -> Scores:
    """What a classifier makes of images, by its logits [N, K].

    - ``confidence``: its mean probability for the class it picks, in [0, 1].
    - ``class_entropy``: entropy of the shares of the classes over its maximum, in [0, 1].
    - ``classes_covered``: classes with at least a tenth of their fair share of the samples.
    - ``class_share_0``…: share of the samples that it puts into each class.
    """
    classes = logits.shape[1]
    shares = torch.bincount(logits.argmax(1), minlength=classes).double() / len(logits)
    scores: Scores = {
        "confidence": logits.double().softmax(1).amax(1).mean().item(),
        "class_entropy": (torch.special.entr(shares).sum() / math.log(classes)).item(),
        "classes_covered": int((shares >= COVERED / classes).sum()),
    }
    return scores | {f"{CLASS_SHARE}{label}": share for label, share in enumerate(shares.tolist())}


def classifier_score(logits: Tensor) -> float:
    """The Inception score's formula (Salimans et al. 2016) with another classifier, by its logits [N, K].

    exp E KL(p(y|x) ‖ p(y)), from 1 to K: high if it is sure of each image, and all classes are there.
    p(y) is the mean over these very samples, so it is comparable between equal counts only.
    """
    logits = logits.double()
    # A probability that is 0 for all samples would make the formula 0 · ∞.
    logits = (logits - logits.amax(1, keepdim=True)).clamp(min=LEAST_LOGIT)
    each = logits.log_softmax(1)
    together = each.logsumexp(0) - math.log(len(each))
    return math.exp((each.exp() * (each - together)).sum(1).mean().item())


def curve_scores(points: Tensor, curve: Callable[[Tensor], Tensor]) -> Scores:
    """How near points [N, 2] are to a curve, x2 as a function of x1.

    - ``curve_distance``: mean |x2 - curve(x1)|, in the data's units.
    - ``curve_share``: share of points where that is at most 0.05.
    """
    gaps = (points[:, 1] - curve(points[:, 0])).abs().double()
    return {
        "curve_distance": gaps.mean().item(),
        "curve_share": (gaps <= ON_CURVE).double().mean().item(),
    }


def x1_coverage(points: Tensor, real: Tensor) -> float:
    """Share of 50 equal bins of the real x1's range that hold a tenth of their fair share of the points.

    Args:
        points: [N, D]; of few, chance leaves bins empty, so it is comparable between equal counts only.
        real: [M, D].

    Returns:
        In [0, 1].
    """
    x1, low, high = points[:, 0], real[:, 0].min().item(), real[:, 0].max().item()
    counts = torch.histc(x1[(x1 >= low) & (x1 <= high)], BINS, low, high)
    return (counts >= COVERED * len(points) / BINS).double().mean().item()


def total_variance(x: Tensor) -> float:
    """The sum of the variances of the columns of ``x`` [N, F]."""
    return x.double().var(0).sum().item()
