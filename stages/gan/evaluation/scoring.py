"""The scores of a run's samples beside those of real data and of noise; and the judge's answers."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from stages.gan.core import arrays
from stages.gan.core.datasets import Dataset, Split
from stages.gan.evaluation import baselines, blocks
from stages.gan.evaluation.image_scorer import ImageScorer
from stages.gan.evaluation.point_scorer import PointScorer
from stages.gan.evaluation.scorer import Scorer
from stages.gan.evaluation.scores import Scores
from stages.gan.judges import models
from stages.runtime.errors import UserError

LEAST = 2  # samples of a kind: fewer have no variance
_CURVES = {"sine": torch.sin}  # x2 as a function of x1, by source, where it is known


def score(
    samples: Tensor,
    real: Dataset,
    judge: nn.Module,
    source: str,
    extractor: nn.Module | None = None,
    count: Callable[[], object] = lambda: None,
) -> tuple[Scores, Tensor]:
    """The scores of samples beside real data.

    Args:
        samples: see :func:`load_samples`.
        real: the real data.
        judge: the judge of these.
        source: the data source's name.
        extractor: Inception-V3, if its Fréchet distance is asked for; see :func:`inception.load`.
        count: is called as often as :func:`parts` says.

    Returns:
        The scores with their baselines, and the judge's answer to every sample: the classes' probabilities,
        the features of images without labels, or the last coordinate of points as the judge expects it.
    """
    size = block_size(real, samples)
    scorer: Scorer
    if real.train.samples.dim() == 4:
        scorer = ImageScorer(real, cast(models.ImageJudge, judge), size, extractor)
    else:
        scorer = PointScorer(real, judge, size, _CURVES.get(source))
    scorer.count = count
    scores, answers = scorer(samples)
    return with_baselines(scores, scorer), answers.softmax(1) if scorer.classifies else answers


def with_baselines(scores: Scores, scorer: Scorer) -> Scores:
    """Scores together with those of real samples and of noise, by the same scorer."""
    return baselines.with_baselines(scores, scorer(scorer.real)[0], scorer(scorer.noise)[0])


def parts(real: Dataset, samples: Tensor) -> int:
    """Of how many parts the scoring of samples and of both baselines is, each about as long as another."""
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
