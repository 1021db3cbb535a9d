"""Scorers: sets of samples scored against the real data, in blocks.

Samples are scored in blocks as large as the test split, and a score is the mean over all whole blocks. So
the samples, the test split (the floor) and noise (the ceiling) are compared with the training data in equal
counts, and whatever a score owes to the count, all three owe it. Each score says whether it goes by blocks.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from stages.gan import anchors, blocks, datasets, distances, inception, judges, metrics, neighbours
from stages.gan.datasets import Dataset
from stages.gan.scores import Scores


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
        """Of features [B, F] against the chosen ones; see :mod:`stages.gan.neighbours`."""
        precision, recall = neighbours.precision_recall(features, self.chosen)
        density, coverage = neighbours.density_coverage(features, self.chosen, self._radii)
        return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


class Scorer(ABC):
    """Scores samples against the real ones.

    Args:
        real: the real data.
        count: samples in a block.

    Attributes:
        real: a block of the test split, whose scores are the floor.
        noise: a block of noise, whose scores are the ceiling.
        count: is called after each block, and once more for each set of samples.
    """

    count: Callable[[], object] = staticmethod(lambda: None)

    def __init__(self, real: Dataset, count: int) -> None:
        train, test = real.train.samples, real.test.samples
        self.real = test[blocks.order(test)][:count]
        self.noise = anchors.noise(train, count)
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


class ImageScorer(Scorer):
    """Scores images by a judge's eyes against the real ones.

    The judge is a classifier, or, where images have no labels, an autoencoder; then there are no scores that
    need classes.

    By blocks of ``count`` samples, as their expectation depends on the count:

    - ``fid_judge``: Fréchet distance between the judge's features of a block and of all training images;
      ``fid_inception`` the same with Inception-V3's, if asked for. It compares Gaussians, and the more images
      there are of one side, the better that is known; only that of the block need be equal for all.
    - ``kid_judge`` and ``kid_judge_spread``: kernel distance, its mean and deviation over subsets.
    - ``precision``, ``recall``, ``density``, ``coverage``: see :mod:`stages.gan.neighbours`. These and the
      kernel distance compare a block with as many training images, always the same.
    - ``classifier_score``: the Inception score's formula; needs classes.

    Over all samples, as they are means and shares that more samples only make more certain:

    - ``confidence``, ``class_entropy``, ``classes_covered``, ``class_share_0``…: see
      :func:`metrics.class_scores`; they need classes. (The entropy of few random samples is a little too
      small; but the test split's, being stratified or large, is not, so all samples are nearer to it than a
      block.)
    - ``diversity``: total variance of the samples' features over the training images' (1 is right).
    - ``memorisation``: median distance of the samples to the nearest of all training images, over that of
      the test images. By pixels, 0 for copies; as it is a ratio, their scale does not matter.
    - ``collapsed``: see :func:`metrics.images_collapsed`.

    Args:
        real: the real images.
        judge: their classifier, or autoencoder.
        count: images in a block, see :func:`block_size`.
        extractor: Inception-V3, see :func:`inception.load`.
    """

    def __init__(
        self, real: Dataset, judge: judges.ImageJudge, count: int, extractor: nn.Module | None = None
    ) -> None:
        self._judge, self._extractor = judge, extractor
        self._classifies = isinstance(judge, judges.Classifier)
        super().__init__(real, count)
        self._classes = None
        if self._classifies:
            self._classes = metrics.class_scores(self._answer(self.real, self._see(self.real)))
        if extractor is not None:
            self._seen = distances.gaussian(inception.features(extractor, real.train.samples))

    def _see(self, samples: Tensor) -> Tensor:
        return judges.predict(self._judge.features, datasets.to_unit(samples))

    def _place(self, samples: Tensor) -> Tensor:
        """Pixels as float32 around 0: integers so small that products of up to 1,024 are exact."""
        return samples.flatten(1).float() - 128

    def _answer(self, samples: Tensor, features: Tensor) -> Tensor:
        return judges.predict(self._judge.output, features) if self._classifies else features

    def _of_block(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores:
        scores: Scores = {"fid_judge": self._reference.frechet_distance(features)}
        if self._extractor is not None:
            seen = inception.features(self._extractor, samples)
            scores["fid_inception"] = distances.frechet_distance(seen, self._seen)
        kernel, spread = distances.kernel_distance(features, self._reference.chosen)
        scores |= {"kid_judge": kernel, "kid_judge_spread": spread}
        scores |= self._reference.neighbourhoods(features)
        if self._classifies:
            scores["classifier_score"] = metrics.classifier_score(answers)
        return scores

    def _of_all(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores:
        scores = metrics.class_scores(answers) if self._classifies else {}
        return {**scores, "diversity": metrics.diversity(features, self._reference.features)}

    def _collapsed(self, scores: Scores) -> int:
        return metrics.images_collapsed(scores, self._classes)


class PointScorer(Scorer):
    """Scores points against the real ones, all distances between standardised coordinates.

    By blocks of ``count`` samples, as their expectation depends on the count:

    - ``frechet_distance``: between a block and all training points.
    - ``kernel_distance`` and ``kernel_distance_spread``, ``energy_distance``, ``sliced_wasserstein``: see
      :mod:`stages.gan.distances`; ``precision``, ``recall``, ``density``, ``coverage``: see
      :mod:`stages.gan.neighbours`. They compare a block with as many training points, always the same.
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
        self._units = real.train.units
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
            return judges.predict(self._judge, judges.others(samples))
        expected = judges.predict(self._judge, judges.others(self._units.to_unit(samples)))
        return self._units.last().from_unit(expected)

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


def _ratio(distance: float, typical: float) -> float:
    """How far samples are from the training data, over how far real ones are.

    Where the real ones are themselves copies, samples can be no nearer: copies are then as they should be.
    """
    return distance / typical if typical else float(distance == 0)
