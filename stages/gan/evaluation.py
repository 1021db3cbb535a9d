"""The scores of a run's samples with their anchors, the judge's answers, and a figure of what they cover."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor, nn

from stages.gan import anchors, arrays, blocks, figures, judges, metrics
from stages.gan.datasets import Dataset, Split
from stages.gan.errors import UserError
from stages.gan.scorers import ImageScorer, PointScorer, Scorer
from stages.gan.scores import Scores, class_shares

LEAST = 2  # samples of a kind: fewer have no variance


def score_images(
    samples: Tensor,
    real: Dataset,
    judge: judges.ImageJudge,
    extractor: nn.Module | None = None,
    count: Callable[[], object] = lambda: None,
) -> tuple[Scores, Tensor, Figure]:
    """Scores and anchors, the judge's probabilities for every sample, and a figure of the classes covered.

    Of images without labels, the judge's features, and a figure of these. ``count`` is called as often as
    :func:`parts` says.
    """
    scorer = ImageScorer(real, judge, block_size(real, samples), extractor)
    scorer.count = count
    scores, answers = scorer(samples)
    if isinstance(judge, judges.Classifier):
        figure = figures.coverage_of_classes(class_shares(scores), real.train)
        answers = answers.softmax(1)
    else:
        figure = figures.coverage_of_features(answers, scorer.features)
    return with_anchors(scores, scorer), answers, figure


def score_points(
    samples: Tensor,
    real: Dataset,
    judge: nn.Module,
    curve: Callable[[Tensor], Tensor] | None,
    count: Callable[[], object] = lambda: None,
) -> tuple[Scores, Tensor, Figure]:
    """Scores and anchors, the last coordinate that the judge expects, and a figure of x1's coverage.

    ``count`` is called as often as :func:`parts` says.
    """
    scorer = PointScorer(real, judge, block_size(real, samples), curve)
    scorer.count = count
    scores, expected = scorer(samples)
    figure = figures.coverage_of_points(samples, real.train, metrics.BINS)
    return with_anchors(scores, scorer), expected, figure


def with_anchors(scores: Scores, scorer: Scorer) -> Scores:
    """Scores together with those of real samples and of noise, by the same scorer."""
    return anchors.anchored(scores, scorer(scorer.real)[0], scorer(scorer.noise)[0])


def parts(real: Dataset, samples: Tensor) -> int:
    """Of how many parts the scoring of samples and of both anchors is, each about as long as another."""
    return len(samples) // block_size(real, samples) + 2 + 3


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
