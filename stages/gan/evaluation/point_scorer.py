"""Scores of points."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.core.wasserstein import sliced_wasserstein
from stages.gan.evaluation import blocks, copies, distances, metrics, untold
from stages.gan.evaluation.scorer import Scored, Scorer, mean_over_judges
from stages.gan.evaluation.scores import Scores
from stages.gan.evaluation.view import View
from stages.gan.judges import models


class PointScorer(Scorer):
    """Scores points against the real ones; all distances are between standardised coordinates.

    By blocks, because their expectation depends on the number of points:

    - ``frechet_distance``: between a block and all training points; ``frechet_distance_all`` takes all
      samples at once.
    - ``kernel_distance``, ``precision``, ``recall``, ``density``, ``coverage``, ``nn_accuracy``: see
      :func:`pairs.compare`; ``energy_distance``, ``sliced_wasserstein``: see
      :mod:`stages.gan.evaluation.distances`. They compare a block with as many training points, always the
      same.
    - ``x1_coverage``: see :func:`metrics.x1_coverage`; ``distinct``: see :func:`copies.distinct`.

    Over all samples, because these are means and shares, which more samples only make more precise:

    - ``curve_distance``, ``curve_share``: see :func:`metrics.curve_scores`; only if the curve is known.
    - ``judge_error``: mean distance of the last coordinate to a judge's prediction from the others, if there
      are any; the mean over the judges.
    - ``diversity``: total variance of the samples over that of the training points (1 is best).

    Args:
        block: points in a block.
        views: one, of the standardised training points.
        judges: predict the last coordinate of points from the others.
        train: the training points.
        curve: x2 as a function of x1, if known.
    """

    def __init__(
        self,
        block: int,
        views: Sequence[View],
        judges: models.Judges,
        train: Split,
        curve: Callable[[Tensor], Tensor] | None,
    ) -> None:
        super().__init__(block, views)
        self._judges, self._train, self._curve = judges, train, curve

    def __call__(self, samples: Tensor, told: Tensor | None = None) -> Scored:
        """Score points float32 [N, D]; answers are the judges' predictions of the last coordinate [N, 1]."""
        (view,) = self._views
        features = standardize(samples, self._train.samples)
        scores = self._by_blocks(self._of_block, samples, features) | view.compare_all(
            features, "frechet_distance"
        )
        if self._curve is not None:
            scores |= metrics.curve_scores(samples, self._curve)
        every = [self._expected(judge, samples) for judge in self._judges.members]
        if samples.shape[1] > 1:
            scores |= mean_over_judges(_errors(samples, every))
        return Scored(scores, torch.stack(every).mean(0))

    def left_out(self, real: Tensor) -> dict[str, str]:
        """The scores that the judges' errors for real points [N, D] exclude; see :func:`untold.by_judge`."""
        if real.shape[1] == 1:
            return {}
        swapped = real.clone()
        swapped[:, :-1] = real[blocks.choice(len(real), len(real)), :-1]
        error, otherwise = (
            mean_over_judges(
                _errors(points, [self._expected(judge, points) for judge in self._judges.members])
            )
            for points in (real, swapped)
        )
        return untold.by_judge(error["judge_error"], otherwise["judge_error"])

    def turned(self, samples: Tensor) -> Scores:
        """Score a block of points."""
        (view,) = self._views
        return self._counted(view.turned(standardize(samples, self._train.samples)))

    def _of_block(self, samples: Tensor, features: Tensor) -> Scores:
        (view,) = self._views
        chosen = view.chosen.features
        return {
            **view.compare(features, "frechet_distance", "kernel_distance"),
            "energy_distance": distances.energy_distance(features, chosen),
            "sliced_wasserstein": sliced_wasserstein(features, chosen),
            "x1_coverage": metrics.x1_coverage(samples, self._train.samples),
            "distinct": copies.distinct(samples),
        }

    def _normalized(self, samples: Tensor) -> Tensor:
        scale = self._train.normalization
        return samples if scale is None else scale.normalize(samples)

    def _expected(self, judge: torch.nn.Module, samples: Tensor) -> Tensor:
        answers = models.predict(judge, models.others(self._normalized(samples)))
        scale = self._train.normalization
        return answers if scale is None else scale.last().denormalize(answers)


def _errors(points: Tensor, every: Sequence[Tensor]) -> list[Scores]:
    """The mean distance of the last coordinate of points [N, D] to each judge's predictions [N, 1]."""
    return [{"judge_error": (points[:, -1:] - answers).abs().double().mean().item()} for answers in every]


def standardize(points: Tensor, real: Tensor) -> Tensor:
    """Points minus the mean of real ones, over their standard deviation, by coordinate; float64 [N, D]."""
    real = real.double()
    return (points.double() - real.mean(0)) / real.std(0)
