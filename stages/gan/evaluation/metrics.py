"""Scores of one set of samples by itself: its classes, its distance to a curve, its variance."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from stages.gan.evaluation.scores import CLASS_SHARE, Scores

BINS = 50  # of the range of the first coordinate, for its coverage
COVERED = 0.1  # of an equal share of the samples, which a class or bin needs to count as covered
ON_CURVE = 0.05  # in the data's units: a point so near to the curve counts as on it
LEAST_LOGIT = -700.0  # relative to the largest: its probability is still above 0 in double precision


def class_scores(logits: Tensor) -> Scores:
    """Scores from the logits of a classifier for images [N, K].

    - ``confidence``: the mean probability of the class it predicts, in [0, 1].
    - ``class_entropy``: entropy of the shares of the classes over its maximum, in [0, 1].
    - ``classes_covered``: number of classes with at least a tenth of an equal share of the samples.
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
    """The formula of the Inception score (Salimans et al. 2016) with another classifier's logits [N, K].

    exp E KL(p(y|x) ‖ p(y)), from 1 to K: high if the classifier is certain of each image and all classes are
    present. p(y) is the mean over these samples, so only scores of equal numbers of samples are comparable.
    """
    logits = logits.double()
    # A probability that is 0 for all samples would make the formula 0 · ∞.
    logits = (logits - logits.amax(1, keepdim=True)).clamp(min=LEAST_LOGIT)
    each = logits.log_softmax(1)
    together = each.logsumexp(0) - math.log(len(each))
    return math.exp((each.exp() * (each - together)).sum(1).mean().item())


def curve_scores(points: Tensor, curve: Callable[[Tensor], Tensor]) -> Scores:
    """How near points [N, 2] are to a curve that gives x2 as a function of x1.

    - ``curve_distance``: mean |x2 - curve(x1)|, in the data's units.
    - ``curve_share``: share of points where that is at most 0.05.
    """
    gaps = (points[:, 1] - curve(points[:, 0])).abs().double()
    return {
        "curve_distance": gaps.mean().item(),
        "curve_share": (gaps <= ON_CURVE).double().mean().item(),
    }


def x1_coverage(points: Tensor, real: Tensor) -> float:
    """Share of 50 bins of the real range of x1 that have at least a tenth of an equal share of the points.

    Args:
        points: [N, D]; few points leave bins empty by chance, so only equal numbers are comparable.
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
