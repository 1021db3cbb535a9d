"""A judge for a data set: what it is, what it is given, and how well it does."""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from stages.gan import figures, judges
from stages.gan.datasets import Dataset, Split, to_unit
from stages.gan.errors import UserError
from stages.gan.params import Judge, MlpJudge
from stages.gan.randomness import generator as random_generator
from stages.gan.scores import Scores


def build(settings: Judge, dataset: Dataset) -> nn.Module:
    """The judge with its initial weights: a classifier of images, or a fit of the last coordinate."""
    initial = random_generator(settings.seed, "judge")
    if isinstance(settings, MlpJudge):
        return judges.Regressor(dataset.shape[0] - 1, settings.hidden, initial)
    assert dataset.train.labels is not None
    assert dataset.test.labels is not None
    classes = int(torch.cat([dataset.train.labels, dataset.test.labels]).max()) + 1
    return judges.Classifier(dataset.shape, classes, settings.channels, settings.features, initial)


def inputs(split: Split) -> tuple[Tensor, Tensor]:
    """What the judge is given and what it must predict."""
    if split.labels is not None:
        return to_unit(split.samples), split.labels
    return split.samples[:, :-1], split.samples[:, -1:]


def test(network: nn.Module, split: Split) -> tuple[Scores, Figure]:
    """Scores and a figure of the judge's answers to data it has not seen.

    Raises:
        UserError: it gives the same answer to all, so that it can judge nothing.
    """
    x, y = inputs(split)
    answers = judges.predict(network, x)
    if len(answers) > 1 and (answers == answers[:1]).all():
        raise UserError("judge: it gives the same answer to whatever it sees; lower judge.lr")
    if split.labels is None:
        error = math.sqrt(functional.mse_loss(answers, y).item())  # PyTorch's depends on the CPU's maker
        return {"rmse": error}, figures.judge_of_points(split.samples, answers)
    accuracy = (answers.argmax(1) == y).double().mean().item()
    scores = {"accuracy": accuracy, "loss": functional.cross_entropy(answers, y).item()}
    return scores, figures.judge_of_images(split.samples, y, answers.softmax(1))
