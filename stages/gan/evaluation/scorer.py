"""A scorer: it scores sets of samples against the real data, in blocks, by all judges.

Most scores depend on the number of samples. So samples are scored in blocks of one size, and the score is the
mean over all whole blocks. The samples and both baselines, real samples and noise, are thus compared with the
training data in equal numbers. The scorers say which scores are computed by blocks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from torch import Tensor

from stages.gan.evaluation import blocks
from stages.gan.evaluation.scores import MEANINGS, SPREAD_SUFFIX, Scores
from stages.gan.evaluation.view import View


class Scored(NamedTuple):
    """What a scorer returns.

    Attributes:
        scores: those that need only the samples and the judges.
        answers: the mean answer of the judges to every sample [N, K].
    """

    scores: Scores
    answers: Tensor


class Scorer(ABC):
    """Scores samples against the real ones.

    Args:
        block: samples in a block.
        views: of the real samples: one for each judge of images, one for points.

    Attributes:
        count: called after each block of each view.
    """

    count: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, block: int, views: Sequence[View]) -> None:
        self._block, self._views = block, views

    @abstractmethod
    def __call__(self, samples: Tensor, told: Tensor | None = None) -> Scored:
        """Score samples [N, …], N at least a block, in the order that :func:`blocks.order` gives.

        Args:
            samples: points or images.
            told: for images, the class that each was made for (int64 [N]), if there was one.
        """

    @abstractmethod
    def turned(self, samples: Tensor) -> Scores:
        """The scores of a block by its neighbours if ties count the other way: see :meth:`View.turned`.

        Args:
            samples: [B, …]; see :meth:`__call__`.
        """

    def _by_blocks(self, score: Callable[..., Scores], *parts: Tensor) -> Scores:
        """The mean score of the whole blocks of samples [N, …]; ``score`` gets the block of each part."""
        cut = zip(*(self._split(part) for part in parts), strict=True)
        return blocks.mean(self._counted(score(*part)) for part in cut)

    def _split(self, samples: Tensor) -> tuple[Tensor, ...]:
        return blocks.split(samples, self._block)

    def _counted(self, scores: Scores) -> Scores:
        self.count()
        return scores


def mean_over_judges(found: Iterable[Scores]) -> Scores:
    """The mean of each score over the judges, and the standard deviation of those in :data:`MEANINGS`."""
    every = list(found)
    mean = {name: fmean(scores[name] for scores in every) for name in every[0]}
    if len(every) == 1:
        return mean
    return mean | {
        name + SPREAD_SUFFIX: stdev(scores[name] for scores in every) for name in mean if name in MEANINGS
    }
