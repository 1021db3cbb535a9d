"""The classification accuracy score: a classifier trained on samples must recognise real images."""

import torch
from torch import Tensor

from stages.gan.core import datasets
from stages.gan.core.datasets import Split
from stages.gan.core.params import CnnJudge
from stages.gan.core.randomness import generator
from stages.gan.judges import fitting, models

MOST = 10_000  # samples to train on, at most; nor more than there are training samples
LARGER = 4  # batches so many times as large as the judges', which halves the time


def accuracy(
    samples: Tensor,
    labels: Tensor,
    test: Split,
    settings: CnnJudge,
    classes: int,
    device: torch.device,
) -> float:
    """Accuracy on real images of a classifier trained on samples (Ravuri & Vinyals 2019), in [0, 1].

    The classifier has the architecture of the judges and is trained nearly as they are. The judges label the
    samples, because the generator may know no classes. So samples need not look real to pass on what the
    judges know: noise that they label can reach 0.8. Use the score together with others.

    Args:
        samples: images, uint8 [N, C, H, W].
        labels: the class that the judges predict for each, int64 [N].
        test: the real test images.
        settings: of the judges.
        classes: the number of classes.
        device: to train on.
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
