"""The scores of a run's samples with their anchors, the judge's answers, and a figure of what they cover.

Samples are scored in blocks as large as the test split, and a score is the mean over all whole blocks. So
the samples, the test split (the floor) and noise (the ceiling) are compared with the training data in equal
counts, and whatever a score owes to the count, all three owe it. Each score says whether it goes by blocks.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from stages.gan import (
    anchors,
    arrays,
    blocks,
    datasets,
    distances,
    figures,
    inception,
    judges,
    metrics,
    neighbours,
)
from stages.gan.datasets import Dataset, Split
from stages.gan.errors import UserError
from stages.gan.scores import Scores, class_shares

LEAST = 2  # samples of a kind: fewer have no variance


class ImageScorer:
    """Scores images by a classifier's eyes against the real ones.

    By blocks of ``count`` samples, as their expectation depends on the count:

    - ``fid_judge``: Fréchet distance between the judge's features of a block and of all training images;
      ``fid_inception`` the same with Inception-V3's, if asked for. It compares Gaussians, and the more images
      there are of one side, the better that is known; only that of the block need be equal for all.
    - ``kid_judge`` and ``kid_judge_spread``: kernel distance, its mean and deviation over subsets.
    - ``precision``, ``recall``, ``density``, ``coverage``: see :mod:`stages.gan.neighbours`. These and the
      kernel distance compare a block with as many training images, always the same.
    - ``classifier_score``: the Inception score's formula.

    Over all samples, as they are means and shares that more samples only make more certain:

    - ``confidence``, ``class_entropy``, ``classes_covered``, ``class_share_0``…: see
      :func:`metrics.class_scores`. (The entropy of few random samples is a little too small; but the test
      split's, being stratified or large, is not, so all samples are nearer to it than a block.)
    - ``diversity``: total variance of the samples' features over the training images' (1 is right).
    - ``memorisation``: median distance of the samples to the nearest of all training images, over that of
      the test images. By pixels, 0 for copies; as it is a ratio, their scale does not matter.
    - ``collapsed``: see :func:`metrics.images_collapsed`.

    Args:
        real: the real images.
        judge: their classifier.
        count: images in a block, see :func:`block_size`.
        extractor: Inception-V3, see :func:`inception.load`.
    """

    def __init__(
        self, real: Dataset, judge: judges.Classifier, count: int, extractor: nn.Module | None = None
    ) -> None:
        self.real = real.test.samples[blocks.order(real.test.samples)][:count]
        self.noise = anchors.noise(real.train.samples, count)
        self._judge, self._count, self._extractor = judge, count, extractor
        self._features = self._see(real.train.samples)
        self._gaussian = distances.gaussian(self._features)
        self._chosen = self._features[blocks.choice(len(self._features), count)]
        self._radii = neighbours.radii(self._chosen)
        self._pixels = _pixels(real.train.samples)
        self._typical = self._nearest(self.real)
        if extractor is not None:
            self._seen = distances.gaussian(inception.features(extractor, real.train.samples))

    def __call__(self, images: Tensor) -> tuple[Scores, Tensor]:
        """The scores of images (uint8 [N, C, H, W], N at least ``count``), and the judge's logits [N, K]."""
        held_out, order = images is self.real, blocks.order(images)
        images = images[order]
        features = self._see(images)
        logits = judges.predict(self._judge.output, features)
        parts = zip(*(blocks.split(of, self._count) for of in (images, features, logits)), strict=True)
        scores = blocks.mean(self._of_block(*part) for part in parts)
        scores |= metrics.class_scores(logits)
        scores["diversity"] = metrics.diversity(features, self._features)
        nearest = self._typical if held_out else self._nearest(images)
        scores["memorisation"] = _ratio(nearest, self._typical)
        scores["collapsed"] = metrics.images_collapsed(scores)
        answers = torch.empty_like(logits)
        answers[order] = logits
        return scores, answers

    def _of_block(self, images: Tensor, features: Tensor, logits: Tensor) -> Scores:
        scores: Scores = {"fid_judge": distances.frechet_distance(features, self._gaussian)}
        if self._extractor is not None:
            seen = inception.features(self._extractor, images)
            scores["fid_inception"] = distances.frechet_distance(seen, self._seen)
        scores["kid_judge"], scores["kid_judge_spread"] = distances.kernel_distance(features, self._chosen)
        scores |= _neighbourhoods(features, self._chosen, self._radii)
        scores["classifier_score"] = metrics.classifier_score(logits)
        return scores

    def _see(self, images: Tensor) -> Tensor:
        return judges.predict(self._judge.features, datasets.to_unit(images))

    def _nearest(self, images: Tensor) -> float:
        return neighbours.nearest_distances(_pixels(images), self._pixels).median().item()


class PointScorer:
    """Scores points against the real ones, all distances between standardised coordinates.

    By blocks of ``count`` samples, as their expectation depends on the count:

    - ``frechet_distance``: between a block and all training points.
    - ``kernel_distance`` and ``kernel_distance_spread``, ``energy_distance``, ``sliced_wasserstein``: see
      :mod:`stages.gan.distances`; ``precision``, ``recall``, ``density``, ``coverage``: see
      :mod:`stages.gan.neighbours`. They compare a block with as many training points, always the same.
    - ``x1_coverage``: see :func:`metrics.x1_coverage`.

    Over all samples, as they are means and shares that more samples only make more certain:

    - ``curve_distance``, ``curve_share``: see :func:`metrics.curve_scores`; only where the curve is known.
    - ``judge_error``: mean distance of the last coordinate to what the judge expects from the others.
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
        self.real = real.test.samples[blocks.order(real.test.samples)][:count]
        self.noise = anchors.noise(real.train.samples, count)
        self._judge, self._count, self._curve, self._train = judge, count, curve, real.train.samples
        train = self._train.double()
        self._middle, self._deviation = train.mean(0), train.std(0)
        self._standard = self._standardise(train)
        self._gaussian = distances.gaussian(self._standard)
        self._chosen = self._standard[blocks.choice(len(train), count)]
        self._radii = neighbours.radii(self._chosen)
        self._typical = self._nearest(self._standardise(self.real))

    def __call__(self, points: Tensor) -> tuple[Scores, Tensor]:
        """Scores of points (float32 [N, D], N at least ``count``), and what the judge expects [N, 1]."""
        held_out, order = points is self.real, blocks.order(points)
        points = points[order]
        standard = self._standardise(points)
        expected = judges.predict(self._judge, points[:, :-1])
        parts = zip(*(blocks.split(of, self._count) for of in (points, standard)), strict=True)
        scores = blocks.mean(self._of_block(*part) for part in parts)
        if self._curve is not None:
            scores |= metrics.curve_scores(points, self._curve)
        scores["judge_error"] = (points[:, -1:] - expected).abs().double().mean().item()
        scores["diversity"] = metrics.diversity(points, self._train)
        nearest = self._typical if held_out else self._nearest(standard)
        scores["memorisation"] = _ratio(nearest, self._typical)
        scores["collapsed"] = metrics.points_collapsed(scores)
        answers = torch.empty_like(expected)
        answers[order] = expected
        return scores, answers

    def _of_block(self, points: Tensor, standard: Tensor) -> Scores:
        kernel, spread = distances.kernel_distance(standard, self._chosen)
        return {
            "frechet_distance": distances.frechet_distance(standard, self._gaussian),
            "kernel_distance": kernel,
            "kernel_distance_spread": spread,
            "energy_distance": distances.energy_distance(standard, self._chosen),
            "sliced_wasserstein": distances.sliced_wasserstein(standard, self._chosen),
            **_neighbourhoods(standard, self._chosen, self._radii),
            "x1_coverage": metrics.x1_coverage(points, self._train),
        }

    def _standardise(self, points: Tensor) -> Tensor:
        return (points.double() - self._middle) / self._deviation

    def _nearest(self, standard: Tensor) -> float:
        return neighbours.nearest_distances(standard, self._standard).median().item()


def score_images(
    samples: Tensor, real: Dataset, judge: judges.Classifier, extractor: nn.Module | None = None
) -> tuple[Scores, Tensor, Figure]:
    """Scores and anchors, the judge's probabilities for every sample, and a figure of the classes covered."""
    scorer = ImageScorer(real, judge, block_size(real, samples), extractor)
    scores, logits = scorer(samples)
    assert real.train.labels is not None
    figure = figures.coverage_of_classes(class_shares(scores), real.train.labels)
    return with_anchors(scores, scorer), logits.softmax(1), figure


def score_points(
    samples: Tensor, real: Dataset, judge: nn.Module, curve: Callable[[Tensor], Tensor] | None
) -> tuple[Scores, Tensor, Figure]:
    """Scores and anchors, the last coordinate that the judge expects, and a figure of x1's coverage."""
    scorer = PointScorer(real, judge, block_size(real, samples), curve)
    scores, expected = scorer(samples)
    figure = figures.coverage_of_points(samples, real.train.samples, metrics.BINS)
    return with_anchors(scores, scorer), expected, figure


def with_anchors(scores: Scores, scorer: ImageScorer | PointScorer) -> Scores:
    """Scores together with those of real samples and of noise, by the same scorer."""
    return anchors.anchored(scores, scorer(scorer.real)[0], scorer(scorer.noise)[0])


def block_size(real: Dataset, samples: Tensor) -> int:
    """How many samples a block has: as many as the test split, if there are so many of each kind.

    Raises:
        UserError: too few real samples to compare with.
    """
    if min(len(real.train), len(real.test)) < LEAST:
        raise UserError(
            f"data: {len(real.train)} training and {len(real.test)} test samples are too few to "
            f"compare with; at least {LEAST} of each are needed"
        )
    return min(len(real.test), len(real.train), len(samples), blocks.MOST)


def load_samples(path: Path, real: Split, count: int) -> Tensor:
    """``count`` samples of the same kind as the real ones.

    Raises:
        UserError: the file is missing or damaged, or holds something else.
    """
    samples = arrays.load(path, "samples", "sample")
    if samples.shape[1:] != real.shape or samples.dtype != real.samples.dtype or len(samples) != count:
        raise UserError(
            f"{path}: holds {samples.dtype} {tuple(samples.shape)}, but {count} samples (sample.count) of "
            f"{real.samples.dtype} {real.shape} are needed; run the sample stage"
        )
    return samples


def _neighbourhoods(samples: Tensor, real: Tensor, radii: Tensor) -> Scores:
    precision, recall = neighbours.precision_recall(samples, real)
    density, coverage = neighbours.density_coverage(samples, real, radii)
    return {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


def _pixels(images: Tensor) -> Tensor:
    """Images as float32 [N, C·H·W] around 0: integers so small that products of up to 1,024 are exact."""
    return images.flatten(1).float() - 128


def _ratio(distance: float, typical: float) -> float:
    """How far samples are from the training data, over how far real ones are.

    Where the real ones are themselves copies, samples can be no nearer: copies are then as they should be.
    """
    return distance / typical if typical else float(distance == 0)
