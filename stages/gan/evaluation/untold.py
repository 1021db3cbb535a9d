"""Scores that real data do not allow to be told: they are left out, and why is said.

That is decided by what real test samples score, so it is the same for all runs of an experiment.
"""

from collections.abc import Sequence

from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.evaluation import metrics
from stages.gan.evaluation.scores import Scores
from stages.gan.evaluation.view import View

COPIED = 0.5  # of the test samples, so many may be training samples, too
TIED = 0.1  # by so much may the score of real data change with how ties count
_EQUAL = 1e-9  # of a distance: what rounding leaves between two equal ones


def by_copies(nearest: Tensor) -> dict[str, str]:
    """The scores that tell copies from new samples, if the test samples [N] themselves are mostly copies.

    Args:
        nearest: their distances to the nearest training samples; float64 [N].

    Returns:
        Why there is no such score, by their names.
    """
    copied = (nearest == 0).double().mean().item()
    if copied <= COPIED:
        return {}
    why = f"{copied:.0%} of the test samples are training samples, too, so copies tell nothing"
    return dict.fromkeys(("near_copies", "exact_copies", "nn_accuracy"), why)


def by_ties(one: Scores, other: Scores, nearest: Tensor, near: float) -> dict[str, str]:
    """The scores by distances that depend on how ties count, as they do where values are few.

    Args:
        one: what real samples score.
        other: what they do if ties count the other way; see :func:`pairs.compare`.
        nearest: see :func:`by_copies`.
        near: see :func:`copies.threshold`.

    Returns:
        Why there is no such score, by their names.
    """
    tied = ((nearest - near).abs() <= _EQUAL * near).sum().item() - 1  # the threshold is one of them
    changes = {name: abs(other[name] - one[name]) for name in other} | {"near_copies": tied / len(nearest)}
    return {
        name: f"distances tie: how ties count changes what real data score by more than {TIED}"
        for name, change in changes.items()
        if change > TIED
    }


def by_variance(views: Sequence[View]) -> dict[str, str]:
    """The diversity, if to one who judges, the real samples have none."""
    if all(view.variance > 0 for view in views):
        return {}
    return {"diversity": "to a judge, all training samples are the same"}


def by_values(train: Split) -> dict[str, str]:
    """The coverage of x1, if real values repeat and are fewer than the bins, so that some must stay empty."""
    if len(train.shape) > 1:
        return {}
    values = len(train.samples[:, 0].unique())
    if values >= metrics.BINS or 2 * values > len(train):
        return {}
    return {"x1_coverage": f"{train.column(0)} has {values} values, fewer than the {metrics.BINS} bins"}
