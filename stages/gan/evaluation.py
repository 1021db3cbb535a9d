"""The scores of a run's samples, with the judge's answers to them and a figure of what they cover."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from stages.gan import datasets, figures, judges, metrics
from stages.gan.datasets import Split
from stages.gan.errors import UserError
from stages.gan.scores import Scores


def score_images(samples: Tensor, real: Split, judge: judges.Classifier) -> tuple[Scores, Tensor, Figure]:
    """Scores, the judge's probabilities for every sample, and a figure of the classes covered."""
    features, real_features = (
        judges.predict(judge.features, datasets.to_unit(images)) for images in (samples, real.samples)
    )
    probabilities = judges.predict(judge.output, features).softmax(1)
    scores = metrics.image_scores(features, probabilities, real_features)
    assert real.labels is not None
    shares = [score for name, score in scores.items() if name.startswith("class_share_")]
    return scores, probabilities, figures.coverage_of_classes(shares, real.labels)


def score_points(
    samples: Tensor, real: Split, judge: torch.nn.Module, curve: Callable[[Tensor], Tensor] | None
) -> tuple[Scores, Tensor, Figure]:
    """Scores, the last coordinate that the judge expects of every sample, and a figure of x1's coverage."""
    expected = judges.predict(judge, samples[:, :-1])
    scores = metrics.point_scores(samples, expected, real.samples, curve)
    return scores, expected, figures.coverage_of_points(samples, real.samples, metrics.BINS)


def load_samples(path: Path, real: Split) -> Tensor:
    """Samples of the same kind as the real ones.

    Raises:
        UserError: the file is missing or damaged, or holds something else.
    """
    try:
        samples = torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError, TypeError) as error:
        raise UserError(f"{path}: not readable samples ({error}); run the sample stage") from error
    if samples.shape[1:] != real.shape or samples.dtype != real.samples.dtype or len(samples) < 2:
        raise UserError(
            f"{path}: holds {samples.dtype} {tuple(samples.shape)}, but at least 2 samples of "
            f"{real.samples.dtype} {real.shape} are needed; run the sample stage"
        )
    if not torch.isfinite(samples).all():
        raise UserError(f"{path}: holds numbers that are not finite; train again, with a lower train.lr")
    return samples
