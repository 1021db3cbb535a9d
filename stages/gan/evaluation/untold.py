"""Scores that do not fit the data: which are left out, and why.

The scores of real test samples decide, so all runs of an experiment have the same scores.
"""

from collections.abc import Sequence

from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.evaluation import metrics
from stages.gan.evaluation.scores import (
    MEANINGS,
    NEED_FUNCTION,
    NOISE_SUFFIX,
    REAL_SUFFIX,
    SPREAD_SUFFIX,
    Scores,
)
from stages.gan.evaluation.view import View

COPIED = 0.5  # the share of test samples that may be training samples, too
TIED = 0.1  # by so much may the score of real data change with how ties count
PREDICTED = 0.9  # of the error with other points' x1: the judge's error must be below that
_CHANCE = 2.0  # standard deviations over draws of real data
_EQUAL = 1e-9  # relative difference that rounding leaves between equal distances


def by_copies(nearest: Tensor) -> dict[str, str]:
    """The scores that detect copies, if most test samples are themselves copies of training samples.

    Args:
        nearest: the distance of each test sample to the nearest training sample; float64 [N].

    Returns:
        The reason, by the names of the scores.
    """
    copied = (nearest == 0).double().mean().item()
    if copied <= COPIED:
        return {}
    why = f"{copied:.0%} of the test samples are training samples, too, so copies mean nothing"
    return dict.fromkeys(("near_copies", "exact_copies", "nn_accuracy"), why)


def by_ties(one: Scores, other: Scores, nearest: Tensor, near: float) -> dict[str, str]:
    """The scores by distances that depend on how ties count, as for data of few different values.

    Args:
        one: the scores of real samples.
        other: their scores if ties count the other way; see :func:`pairs.compare`.
        nearest: see :func:`by_copies`.
        near: see :func:`copies.threshold`.

    Returns:
        The reason, by the names of the scores.
    """
    tied = ((nearest - near).abs() <= _EQUAL * near).sum().item() - 1  # the threshold is one of them
    changes = {name: abs(other[name] - one[name]) for name in other} | {"near_copies": tied / len(nearest)}
    return {
        name: f"distances tie, and how ties count changes the score of real data by more than {TIED}"
        for name, change in changes.items()
        if change > TIED
    }


def by_variance(views: Sequence[View]) -> dict[str, str]:
    """The diversity, if all training samples have the same features."""
    if all(view.variance > 0 for view in views):
        return {}
    return {"diversity": "all training samples have the same features"}


def by_values(train: Split) -> dict[str, str]:
    """The coverage of x1, if real values repeat and are fewer than the bins: some bins must stay empty."""
    if len(train.shape) > 1:
        return {}
    values = len(train.samples[:, 0].unique())
    if values >= metrics.BINS or 2 * values > len(train):
        return {}
    return {"x1_coverage": f"{train.column(0)} has {values} values, fewer than the {metrics.BINS} bins"}


def by_noise(baselines: Scores) -> dict[str, str]:
    """The scores that suppose x2 to be a function of x1, if noise beats real data by more than chance.

    The points of a ring, for example, leave gaps in the range of x1, which noise fills.

    Args:
        baselines: of each score, see :func:`baselines.with_baselines`.

    Returns:
        The reason, by the names of the scores.
    """
    found = {}
    for name in NEED_FUNCTION:
        if name + NOISE_SUFFIX not in baselines:
            continue
        real, noise = baselines[name + REAL_SUFFIX], baselines[name + NOISE_SUFFIX]
        ahead = noise - real if MEANINGS[name].better == "high" else real - noise
        if ahead > _CHANCE * baselines.get(name + REAL_SUFFIX + SPREAD_SUFFIX, 0.0):
            found[name] = f"noise has {noise:.2g}, which is better than real data ({real:.2g})"
    return found


def by_judge(error: float, otherwise: float) -> dict[str, str]:
    """The distance to the judge's fit, if the other coordinates say nearly nothing about the last one.

    Args:
        error: the judge's mean error for real test points.
        otherwise: the same after the other coordinates were swapped among the points.

    Returns:
        The reason, by the name of the score.
    """
    if error <= PREDICTED * otherwise:
        return {}
    return {
        "judge_error": "the judge predicts the last column of a row hardly better from the other columns of "
        f"this row than from those of another row (mean errors {error:.3g} and {otherwise:.3g})"
    }
