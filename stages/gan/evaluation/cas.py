"""The classification accuracy score: what a classifier learns from samples, it must know of real images."""

import torch
from torch import Tensor

from stages.gan.core import datasets
from stages.gan.core.datasets import Split
from stages.gan.core.params import CnnJudge
from stages.gan.core.randomness import generator
from stages.gan.judges import fitting, models

MOST = 10_000  # samples that it learns from; and as many as there are training samples
LARGER = 4  # times as large batches as the judges': half of the time


def accuracy(
    samples: Tensor,
    labels: Tensor,
    test: Split,
    settings: CnnJudge,
    classes: int,
    device: torch.device,
) -> float:
    """Accuracy on real images of a classifier that learns from samples (Ravuri & Vinyals 2019), in [0, 1].

    The classifier is one like the judges, and is fitted nearly as they are. As the generator knows no
    classes, it is the judges who say what a sample is of; so samples need not look real to teach what the
    judges know: noise, labelled by them, can reach 0.8. It is of use beside other scores.

    Args:
        samples: images, uint8 [N, C, H, W].
        labels: what the judges take each for, int64 [N].
        test: the real test images.
        settings: of the judges.
        classes: how many there are.
        device: to fit it on.
    """
    assert test.labels is not None
    weights = generator(settings.seed, "cas")
    student = models.ImageJudge(test.shape, settings.channels, settings.features, classes, weights).to(device)
    x, y = datasets.normalize(samples).to(device), labels.to(device)
    faster = settings.model_copy(update={"batch_size": settings.batch_size * LARGER})
    for _ in fitting.fit_one(faster, student, x, y, "cas"):
        pass
    answers = models.predict(student, test.normalized)
    return (answers.argmax(1) == test.labels).double().mean().item()
