"""The scores of a run's samples beside those of real data and of noise; and the judges' answers."""

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
_CURVES = {"sine": torch.sin}  # x2 as a function of x1, by source, where it is known
_WHOLE = "_all"  # the end of a score that is of all samples at once


@dataclass(frozen=True)
class Known:
    """What scores come from, beside the samples.

    Attributes:
        real: the real data.
        judges: the judges of these.
        md5: of the judges' file.
        settings: what the judges were fitted by.
        source: the data source's name.
        extractors: other networks of images whose Fréchet distance is asked for, by the name of that score.
        told: whether generators are told the class of what they draw.
        weakness: why the judges know nothing of the data, if they do not; see :func:`fitting.weakness`.
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
        """The MD5 sums of the judges' file, and of other networks', by the name of their score."""
        return {"judge": self.md5, **{name: network.md5 for name, network in self.extractors.items()}}

    @property
    def has_images(self) -> bool:
        """Whether the samples are images."""
        return self.real.train.samples.dim() == 4

    def scorer(self, block: int, views: tuple[View, ...]) -> Scorer:
        """The scorer of blocks of a size against views of the training samples."""
        if self.has_images:
            return ImageScorer(block, views, self.judges)
        return PointScorer(block, views, self.judges, self.real.train, _CURVES.get(self.source))

    def views(self, block: int) -> tuple[View, ...]:
        """The training samples as the judges see them; of points, standardised."""
        train = self.real.train
        if self.has_images:
            return tuple(views(self.judges, train, block, self.told))
        return (View.of(standardize(train.samples, train.samples), block),)

    def places(self, samples: Tensor) -> Tensor:
        """Samples as distances between them are measured: images as they are, points standardised."""
        return samples if self.has_images else standardize(samples, self.real.train.samples)


def prepare(known: Known, total: int, count: Callable[[], object] = lambda: None) -> Reference:
    """What samples are compared with, whatever the run.

    Args:
        known: the real data, and the judges.
        total: how many samples a run has.
        count: is called as often as :func:`parts_of_reference` says.

    Raises:
        UserError: too few real samples, or a network that does not take them.
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
        share = {name: score for name, score in scores.items() if not name.endswith(_WHOLE)}
        drawn.append(share | _copied(copies.Copies.of(nearest[draw], near)))
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
    found = baselines.with_baselines(drawn, _without(left_out, of_noise), block / len(test))
    return replace(reference, baselines=found, left_out=left_out)


def is_for(reference: Reference, known: Known, total: int) -> bool:
    """Whether a reference is what :func:`prepare` made of these judges and networks, for as many samples."""
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
    """The scores of samples beside real data; they do not depend on the samples' order.

    - ``fid_inception``, ``fid_features``: Fréchet distance of all samples at once to all training images.
    - ``cas``: see :func:`cas.accuracy`; of images with labels.
    - ``near_copies``, ``exact_copies``: see :mod:`stages.gan.evaluation.copies`; of 10,000 samples, at most.
    - ``collapsed``: see :func:`scores.collapsed`; none of images whose judges know nothing of them.
    - All others: see :class:`ImageScorer`, :class:`PointScorer`.

    Those that the reference leaves out are left out.

    Args:
        samples: see :func:`load_samples`.
        known: the real data, and the judges.
        reference: what :func:`prepare` made of these.
        count: is called as often as :func:`parts` says.
        told: the class that each sample was told (int64 [N]), if they were.

    Returns:
        The scores with their baselines, and the judges' answer to every sample: the classes' probabilities,
        the first judge's features of images without labels, or the last coordinate of points as expected.
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
    """Of how many parts the scoring of samples is."""
    return len(reference.views) * (len(samples) // reference.block) + 2


def parts_of_reference(known: Known, total: int) -> int:
    """Of how many parts :func:`prepare` is."""
    whole = len(baselines.bounded(known.real).test) // block_size(known.real, total)
    return (len(known.judges.members) if known.has_images else 1) * (baselines.DRAWS + whole + 2)


def block_size(real: Dataset, total: int) -> int:
    """How many samples a block has: half as many as the test split, if there are so many of each kind.

    Half, so that random draws of test samples can be a baseline.

    Args:
        real: the real data.
        total: how many samples there are.

    Raises:
        UserError: too few real samples to compare with.
    """
    if min(len(real.train), len(real.test)) < LEAST:
        raise UserError(
            f"data: {len(real.train)} training and {len(real.test)} test samples are too few to "
            f"compare with; at least {LEAST} of each are needed"
        )
    return min(max(LEAST, len(real.test) // 2), len(real.train), total, blocks.MOST)


def _graded(scores: Scores) -> Scores:
    """Without the spread over the judges."""
    return {name: score for name, score in scores.items() if not name.endswith(SPREAD_SUFFIX)}


def _without(left_out: Collection[str], scores: Scores) -> Scores:
    """Without what is left out, and its spread over the judges."""
    return {name: score for name, score in scores.items() if name.removesuffix(SPREAD_SUFFIX) not in left_out}


def _learned(train: Tensor, total: int) -> int:
    """How many samples a classifier learns from, where a run has ``total`` samples."""
    return min(len(train), total, cas.MOST)


def _seen(known: Known, reference: Reference, samples: Tensor) -> Scores:
    """The Fréchet distances by other networks."""
    return {
        name: distances.frechet_distance(_features(known, name, samples), gaussian)
        for name, gaussian in reference.gaussians.items()
    }


def _features(known: Known, name: str, samples: Tensor) -> Tensor:
    """By the network whose Fréchet distance has a name."""
    parameter = f"evaluate.{name.removeprefix('fid_')}"
    return extractors.features(known.extractors[name], samples, parameter)


def _taught(known: Known, samples: Tensor, answers: Tensor | None) -> Scores:
    """The classification accuracy score, of images whose classes the judges know."""
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
