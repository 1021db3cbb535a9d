"""Points scored by their distances."""

from collections.abc import Callable

from torch import Tensor, nn

from stages.gan.core.datasets import Dataset
from stages.gan.evaluation import distances, metrics
from stages.gan.evaluation.scorer import Scorer
from stages.gan.evaluation.scores import Scores
from stages.gan.judges import models


class PointScorer(Scorer):
    """Scores points against the real ones, all distances between standardised coordinates.

    By blocks of ``count`` samples, as their expectation depends on the count:

    - ``frechet_distance``: between a block and all training points.
    - ``kernel_distance`` and ``kernel_distance_spread``, ``energy_distance``, ``sliced_wasserstein``: see
      :mod:`stages.gan.evaluation.distances`; ``precision``, ``recall``, ``density``, ``coverage``: see
      :mod:`stages.gan.evaluation.neighbours`. They compare a block with as many training points, always the
      same.
    - ``x1_coverage``: see :func:`metrics.x1_coverage`.

    Over all samples, as they are means and shares that more samples only make more certain:

    - ``curve_distance``, ``curve_share``: see :func:`metrics.curve_scores`; only where the curve is known.
    - ``judge_error``: mean distance of the last coordinate to what the judge expects from the others, if
      there are any.
    - ``diversity``: the samples' total variance over the training points' (1 is right).
    - ``memorisation``: median distance of the samples to the nearest of all training points, over that of
      the test points; 0 for copies.
    - ``collapsed``: see :func:`metrics.points_collapsed`.

    Args:
        real: the real points.
        judge: fits their last coordinate, given the others.
        count: points in a block, see :func:`block_size`.
        curve: x2 as a function of x1, if known.
    """

    def __init__(
        self, real: Dataset, judge: nn.Module, count: int, curve: Callable[[Tensor], Tensor] | None
    ) -> None:
        self._judge, self._curve, self._train = judge, curve, real.train.samples
        self._units = real.train.normalization
        train = self._train.double()
        self._middle, self._deviation = train.mean(0), train.std(0)
        super().__init__(real, count)
        self._covered = metrics.x1_coverage(self.real, self._train)

    def _see(self, samples: Tensor) -> Tensor:
        return (samples.double() - self._middle) / self._deviation

    def _place(self, samples: Tensor) -> Tensor:
        return self._see(samples)

    def _answer(self, samples: Tensor, features: Tensor) -> Tensor:
        if self._units is None:
            return models.predict(self._judge, models.others(samples))
        expected = models.predict(self._judge, models.others(self._units.normalize(samples)))
        return self._units.last().denormalize(expected)

    def _of_block(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores:
        chosen = self._reference.chosen
        kernel, spread = distances.kernel_distance(features, chosen)
        return {
            "frechet_distance": self._reference.frechet_distance(features),
            "kernel_distance": kernel,
            "kernel_distance_spread": spread,
            "energy_distance": distances.energy_distance(features, chosen),
            "sliced_wasserstein": distances.sliced_wasserstein(features, chosen),
            **self._reference.neighbourhoods(features),
            "x1_coverage": metrics.x1_coverage(samples, self._train),
        }

    def _of_all(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores:
        scores = {} if self._curve is None else metrics.curve_scores(samples, self._curve)
        if samples.shape[1] > 1:
            scores["judge_error"] = (samples[:, -1:] - answers).abs().double().mean().item()
        if self._units is None:
            scores["diversity"] = metrics.diversity(samples, self._train)
        else:  # columns may be of any size
            scores["diversity"] = metrics.diversity(features, self._reference.features)
        return scores

    def _collapsed(self, scores: Scores) -> int:
        return metrics.points_collapsed(scores, self._covered)
