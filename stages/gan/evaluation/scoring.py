"""The scores of a run's samples, with those of real data and of noise; and the judges' answers."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from stages.gan.core import arrays
from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.params import CnnJudge, Judge
from stages.gan.evaluation import baselines, blocks, cas, copies, distances, extractors, untold
from stages.gan.evaluation.extractors import Extractor
from stages.gan.evaluation.image_scorer import ImageScorer, views
from stages.gan.evaluation.point_scorer import PointScorer, standardize
from stages.gan.evaluation.reference import Reference
from stages.gan.evaluation.scorer import Scorer
from stages.gan.evaluation.scores import REAL_SUFFIX, SPREAD_SUFFIX, Scores, collapsed
from stages.gan.evaluation.view import View
from stages.gan.judges import models
from stages.runtime.errors import UserError

LEAST = 2  # samples of a kind: fewer have no variance
_CURVES = {"sine": torch.sin}  # x2 as a function of x1, by the name of the source
_WHOLE = "_all"  # the ending of scores that take all samples at once


@dataclass(frozen=True)
class Known:
    """What scores are computed from, besides the samples.

    Attributes:
        real: the real data.
        judges: their judges.
        md5: of the file of the judges.
        settings: of the judges.
        source: the name of the data source.
        extractors: other networks for images whose Fréchet distance is wanted, by the name of that score.
        told: whether generators are given the class of each sample.
        weakness: why the judges know nothing of the data; None if they do. See :func:`fitting.weakness`.
    """

    real: Dataset
    judges: models.Judges
    md5: str
    settings: Judge
    source: str
    extractors: Mapping[str, Extractor] = field(default_factory=dict)
    told: bool = False
    weakness: str | None = None

    @property
    def networks(self) -> dict[str, str]:
        """The MD5 sums of the files of the judges, and of other networks by the name of their score."""
        return {"judge": self.md5, **{name: network.md5 for name, network in self.extractors.items()}}

    @property
    def has_images(self) -> bool:
        """Whether the samples are images."""
        return self.real.train.samples.dim() == 4

    def scorer(self, block: int, views: tuple[View, ...]) -> Scorer:
        """The scorer for blocks of this size."""
        if self.has_images:
            return ImageScorer(block, views, self.judges)
        return PointScorer(block, views, self.judges, self.real.train, _CURVES.get(self.source))

    def views(self, block: int) -> tuple[View, ...]:
        """The training samples as the judges see them; points are standardised."""
        train = self.real.train
        if self.has_images:
            return tuple(views(self.judges, train, block, self.told))
        return (View.of(standardize(train.samples, train.samples), block),)

    def places(self, samples: Tensor) -> Tensor:
        """Samples as distances between them are measured: points are standardised."""
        return samples if self.has_images else standardize(samples, self.real.train.samples)


def prepare(known: Known, total: int, count: Callable[[], object] = lambda: None) -> Reference:
    """What the samples of all runs are compared with.

    Args:
        known: the real data and the judges.
        total: the number of samples of a run.
        count: called :func:`parts_of_reference` times.

    Raises:
        UserError: there are too few real samples, or a network does not take them.
    """
    real, block = baselines.bounded(known.real), block_size(known.real, total)
    train, test = real.train.samples, real.test.samples
    labels = real.test.labels if known.told else None
    gaussians = {name: distances.gaussian(_features(known, name, train)) for name in known.extractors}
    nearest = copies.nearest_distances(known.places(test), known.places(train))
    near = copies.threshold(nearest)
    reference = Reference(known.networks, block, near, known.views(block), gaussians, {}, {})
    scorer = known.scorer(block, reference.views)
    scorer.count = count
    drawn, draws = [], baselines.draws(real, block)
    for draw in draws:
        scores = _graded(scorer(test[draw], None if labels is None else labels[draw]).scores)
        of_draw = {name: score for name, score in scores.items() if not name.endswith(_WHOLE)}
        drawn.append(of_draw | _copied(copies.Copies.of(nearest[draw], near)))
    whole = {name: score for name, score in scorer(test, labels).scores.items() if name.endswith(_WHOLE)}
    most = _learned(train, total)
    some = train[blocks.choice(len(train), most)]
    drawn[0] |= whole | _seen(known, reference, test) | _taught(known, some, None)
    noise = baselines.noise(train, block)
    turns = None if labels is None else labels[torch.arange(len(noise)) % len(labels)]
    of_noise = _graded(scorer(noise, turns).scores) | _copied(_copies(known, reference, noise))
    of_noise |= _seen(known, reference, noise)
    of_noise |= _taught(known, baselines.noise(train, most), None)
    left_out = untold.by_ties(drawn[0], scorer.turned(test[draws[0]]), nearest, near)
    left_out |= untold.by_copies(nearest) | untold.by_values(real.train) | untold.by_variance(reference.views)
    if isinstance(scorer, PointScorer):
        left_out |= scorer.left_out(test)
    share = block / len(test)
    found = baselines.with_baselines(drawn, _without(left_out, of_noise), share)
    if beaten := untold.by_noise(found):
        left_out |= beaten
        found = baselines.with_baselines(drawn, _without(left_out, of_noise), share)
    return replace(reference, baselines=found, left_out=left_out)


def is_for(reference: Reference, known: Known, total: int) -> bool:
    """Whether :func:`prepare` made a reference with these judges and networks, for as many samples."""
    told = known.has_images and reference.views[0].classes is not None
    made = reference.made_by, reference.block, told
    return made == (known.networks, block_size(known.real, total), known.told)


def score(
    samples: Tensor,
    known: Known,
    reference: Reference,
    count: Callable[[], object] = lambda: None,
    told: Tensor | None = None,
) -> tuple[Scores, Tensor]:
    """The scores of samples and their baselines; they do not depend on the order of the samples.

    - ``fid_inception``, ``fid_features``: Fréchet distance of all samples at once to all training images.
    - ``cas``: see :func:`cas.accuracy`; for images with labels.
    - ``near_copies``, ``exact_copies``: see :mod:`stages.gan.evaluation.copies`; of at most 10,000 samples.
    - ``collapsed``: see :func:`scores.collapsed`; not for images of which the judges know nothing.
    - All others: see :class:`ImageScorer`, :class:`PointScorer`.

    The scores that the reference leaves out are left out.

    Args:
        samples: see :func:`load_samples`.
        known: the real data and the judges.
        reference: what :func:`prepare` returned for these.
        count: called :func:`parts` times.
        told: the class that each sample was made for (int64 [N]), if there was one.

    Returns:
        The scores with their baselines, and the judges' answer to every sample: probabilities of the classes,
        the first judge's features of images without labels, or predictions of the last coordinate of points.
    """
    train, order = known.real.train.samples, blocks.order(samples)
    samples = samples[order]
    scorer = known.scorer(reference.block, reference.views)
    scorer.count = count
    scores, ordered = scorer(samples, None if told is None else told[order])
    scores |= _seen(known, reference, samples)
    most = _learned(train, len(samples))
    scores |= _taught(known, samples[:most], ordered[:most])
    count()
    scores |= _copied(_copies(known, reference, samples[: copies.MOST]))
    count()
    wanted, scores = reference.baselines, _without(reference.left_out, scores)
    real = {name: wanted[name + REAL_SUFFIX] for name in scores if name + REAL_SUFFIX in wanted}
    verdict = None if known.has_images and known.weakness is not None else collapsed(scores, real)
    if verdict is not None:
        scores["collapsed"] = int(verdict)
    answers = torch.empty_like(ordered)
    answers[order] = ordered
    return scores | wanted, answers.softmax(1) if known.judges.classifies else answers


def parts(reference: Reference, samples: Tensor) -> int:
    """The number of parts in which samples are scored."""
    return len(reference.views) * (len(samples) // reference.block) + 2


def parts_of_reference(known: Known, total: int) -> int:
    """The number of parts of :func:`prepare`."""
    whole = len(baselines.bounded(known.real).test) // block_size(known.real, total)
    return (len(known.judges.members) if known.has_images else 1) * (baselines.DRAWS + whole + 2)


def block_size(real: Dataset, total: int) -> int:
    """The number of samples in a block: half as many as in the test split, if there are so many samples.

    Half of them, so that random draws of test samples can be a baseline.

    Args:
        real: the real data.
        total: the number of samples of a run.

    Raises:
        UserError: there are too few real samples to compare with.
    """
    if min(len(real.train), len(real.test)) < LEAST:
        raise UserError(
            f"data: {len(real.train)} training and {len(real.test)} test samples are too few to "
            f"compare with; at least {LEAST} of each are needed"
        )
    return min(max(LEAST, len(real.test) // 2), len(real.train), total, blocks.MOST)


def _graded(scores: Scores) -> Scores:
    """The scores without their spread over the judges."""
    return {name: score for name, score in scores.items() if not name.endswith(SPREAD_SUFFIX)}


def _without(left_out: Collection[str], scores: Scores) -> Scores:
    """The scores without those that are left out, and without their spread over the judges."""
    return {name: score for name, score in scores.items() if name.removesuffix(SPREAD_SUFFIX) not in left_out}


def _learned(train: Tensor, total: int) -> int:
    """The number of samples that a classifier learns from, if a run has ``total`` samples."""
    return min(len(train), total, cas.MOST)


def _seen(known: Known, reference: Reference, samples: Tensor) -> Scores:
    """The Fréchet distances by other networks."""
    return {
        name: distances.frechet_distance(_features(known, name, samples), gaussian)
        for name, gaussian in reference.gaussians.items()
    }


def _features(known: Known, name: str, samples: Tensor) -> Tensor:
    """The features of samples by the network whose Fréchet distance has this name."""
    parameter = f"evaluate.{name.removeprefix('fid_')}"
    return extractors.features(known.extractors[name], samples, parameter)


def _taught(known: Known, samples: Tensor, answers: Tensor | None) -> Scores:
    """The classification accuracy score, for images with labels."""
    if not known.judges.classifies or not isinstance(known.settings, CnnJudge):
        return {}
    if answers is None:
        answers = models.predict(known.judges, Split(samples).normalized)
    device = next(known.judges.parameters()).device
    labels, classes = answers.argmax(1), answers.shape[1]
    return {"cas": cas.accuracy(samples, labels, known.real.test, known.settings, classes, device)}


def _copies(known: Known, reference: Reference, samples: Tensor) -> copies.Copies:
    return copies.find(known.places(samples), known.places(known.real.train.samples), reference.near)


def _copied(found: copies.Copies) -> Scores:
    return {
        "near_copies": found.near.double().mean().item(),
        "exact_copies": found.exact.double().mean().item(),
    }


def load_samples(path: Path, real: Split, count: int) -> Tensor:
    """Load ``count`` samples of the same kind as the real ones.

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
