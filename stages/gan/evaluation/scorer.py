"""A scorer: sets of samples scored against the real data, in blocks, and by all judges.

Most scores depend on how many samples they see. So samples are scored in blocks of one size, and a score is
the mean over all whole blocks: the samples, real ones and noise (the two baselines) are compared with the
training data in equal counts. Each score says whether it goes by blocks.
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
    """What was found of samples.

    Attributes:
        scores: without those that need more than the samples and the judges.
        answers: the judges' to every sample, the mean of theirs [N, K].
    """

    scores: Scores
    answers: Tensor


class Scorer(ABC):
    """Scores samples against the real ones.

    Args:
        block: samples in a block.
        views: of the real samples; one of each judge of images, one of points.

    Attributes:
        count: is called after each block of each view.
    """

    count: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, block: int, views: Sequence[View]) -> None:
        self._block, self._views = block, views

    @abstractmethod
    def __call__(self, samples: Tensor, told: Tensor | None = None) -> Scored:
        """Score samples [N, …], N at least a block, in the order that :func:`blocks.order` gives.

        Args:
            samples: of the kind that it scores.
            told: of images, the class that each was told (int64 [N]), if they were.
        """

    @abstractmethod
    def turned(self, samples: Tensor) -> Scores:
        """What a block scores by its neighbours if ties count the other way: see :meth:`View.turned`.

        Args:
            samples: [B, …]; see :meth:`__call__`.
        """

    def _by_blocks(self, score: Callable[..., Scores], *parts: Tensor) -> Scores:
        """The mean of what the whole blocks of samples [N, …] score; of each, ``parts`` are given."""
        cut = zip(*(self._split(part) for part in parts), strict=True)
        return blocks.mean(self._counted(score(*part)) for part in cut)

    def _split(self, samples: Tensor) -> tuple[Tensor, ...]:
        return blocks.split(samples, self._block)

    def _counted(self, scores: Scores) -> Scores:
        self.count()
        return scores


def mean_over_judges(found: Iterable[Scores]) -> Scores:
    """The mean of each score over the judges; of those that mean something, their standard deviation, too."""
    every = list(found)
    mean = {name: fmean(scores[name] for scores in every) for name in every[0]}
    if len(every) == 1:
        return mean
    return mean | {
        name + SPREAD_SUFFIX: stdev(scores[name] for scores in every) for name in mean if name in MEANINGS
    }
