"""A scorer: sets of samples scored against the real data, in blocks.

Samples are scored in blocks as large as the test split, and a score is the mean over all whole blocks. So
the samples, the test split and noise (the two baselines) are compared with the training data in equal
counts, and whatever a score owes to the count, all three owe it. Each score says whether it goes by blocks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from stages.gan.core.datasets import Dataset
from stages.gan.evaluation import baselines, blocks, distances, neighbours
from stages.gan.evaluation.scores import Scores


class Reference:
    """Real samples' features [N, F], with what every comparison with them needs.

    Args:
        features: of all training samples.
        count: samples in a block.

    Attributes:
        features: of all.
        chosen: those of as many as a block has, always the same [count, F].
    """

    def __init__(self, features: Tensor, count: int) -> None:
        self.features = features
        self.chosen = features[blocks.choice(len(features), count)]
        self._gaussian = distances.gaussian(features)
        self._radii = neighbours.radii(self.chosen)

    def frechet_distance(self, features: Tensor) -> float:
        """Of features [B, F] to all; see :func:`distances.frechet_distance`."""
        return distances.frechet_distance(features, self._gaussian)

    def neighbourhoods(self, features: Tensor) -> Scores:
        """Of features [B, F] against the chosen ones; see :mod:`stages.gan.evaluation.neighbours`."""
        precision, recall = neighbours.precision_recall(features, self.chosen)
        density, coverage = neighbours.density_coverage(features, self.chosen, self._radii)
        return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


class Scorer(ABC):
    """Scores samples against the real ones.

    Args:
        real: the real data.
        count: samples in a block.

    Attributes:
        real: a block of the test split, whose scores are the baseline ``real``.
        noise: a block of noise, whose scores are the baseline ``noise``.
        count: is called after each block, and once more for each set of samples.
        classifies: whether the judge's answers are logits of classes.
    """

    count: Callable[[], object] = staticmethod(lambda: None)
    classifies = False

    def __init__(self, real: Dataset, count: int) -> None:
        train, test = real.train.samples, real.test.samples
        self.real = test[blocks.order(test)][:count]
        self.noise = baselines.noise(train, count)
        self._count = count
        self._reference = Reference(self._see(train), count)
        self._places = self._place(train)
        self._typical = self._nearest(self.real)

    def __call__(self, samples: Tensor) -> tuple[Scores, Tensor]:
        """The scores of samples [N, …], N at least ``count``, and the judge's answers [N, K], in their order.

        ``memorisation`` is the median distance of the samples to the nearest of all training samples, over
        that of the test split; 0 for copies.
        """
        held_out, order = samples is self.real, blocks.order(samples)
        samples = samples[order]
        features = self._see(samples)
        answered = self._answer(samples, features)
        parts = zip(*(blocks.split(of, self._count) for of in (samples, features, answered)), strict=True)
        scores = blocks.mean(self._counted(self._of_block(*part)) for part in parts)
        scores |= self._of_all(samples, features, answered)
        scores["memorisation"] = _ratio(self._typical if held_out else self._nearest(samples), self._typical)
        self.count()
        scores["collapsed"] = self._collapsed(scores)
        answers = torch.empty_like(answered)
        answers[order] = answered
        return scores, answers

    @property
    def features(self) -> Tensor:
        """Those of all training samples [N, F]."""
        return self._reference.features

    def _counted(self, scores: Scores) -> Scores:
        self.count()
        return scores

    def _nearest(self, samples: Tensor) -> float:
        return neighbours.nearest_distances(self._place(samples), self._places).median().item()

    @abstractmethod
    def _see(self, samples: Tensor) -> Tensor:
        """The features by which sets of samples are compared [N, F]."""

    @abstractmethod
    def _place(self, samples: Tensor) -> Tensor:
        """Where samples lie, for the distance to the nearest one [N, D]."""

    @abstractmethod
    def _answer(self, samples: Tensor, features: Tensor) -> Tensor:
        """The judge's answers [N, K]."""

    @abstractmethod
    def _of_block(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores: ...

    @abstractmethod
    def _of_all(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores: ...

    @abstractmethod
    def _collapsed(self, scores: Scores) -> int: ...


def _ratio(distance: float, typical: float) -> float:
    """How far samples are from the training data, over how far real ones are.

    Where the real ones are themselves copies, samples can be no nearer: copies are then as they should be.
    """
    return distance / typical if typical else float(distance == 0)
