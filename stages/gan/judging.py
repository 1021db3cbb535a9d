"""A judge for a data set: what it is, what it is given, and how well it does."""

import math

from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional

from stages.gan import figures, judges
from stages.gan.datasets import Dataset, Split, from_unit
from stages.gan.errors import UserError
from stages.gan.params import Judge, MlpJudge
from stages.gan.randomness import generator as random_generator
from stages.gan.scores import Scores


def build(settings: Judge, dataset: Dataset) -> nn.Module:
    """The judge with its initial weights.

    A classifier of images, an autoencoder of those without labels, or a fit of points' last coordinate.
    """
    initial = random_generator(settings.seed, "judge")
    if isinstance(settings, MlpJudge):
        return judges.Regressor(max(1, dataset.shape[0] - 1), settings.hidden, initial)
    if (classes := dataset.class_count) is None:
        return judges.Autoencoder(dataset.shape, settings.channels, settings.features, initial)
    return judges.Classifier(dataset.shape, classes, settings.channels, settings.features, initial)


def known(settings: Judge, dataset: Dataset) -> dict[str, object]:
    """What a judge's architecture owes to the data, and not to its parameters."""
    if isinstance(settings, MlpJudge):
        return {}
    classes = dataset.class_count
    return {"network": "autoencoder"} if classes is None else {"classes": classes}


def inputs(split: Split) -> tuple[Tensor, Tensor]:
    """What the judge is given and what it must predict."""
    if split.labels is not None:
        return split.unit, split.labels
    if len(split.shape) > 1:
        return split.unit, split.unit.flatten(1)
    return judges.others(split.unit), split.unit[:, -1:]


def test(network: nn.Module, split: Split) -> tuple[Scores, Figure]:
    """Scores and a figure of the judge's answers to data it has not seen.

    Raises:
        UserError: it gives the same answer to all, so that it can judge nothing.
    """
    x, y = inputs(split)
    answers = judges.predict(network, x)
    if len(answers) > 1 and split.shape != (1,) and (answers == answers[:1]).all():
        raise UserError("judge: it gives the same answer to whatever it sees; lower judge.lr")
    if split.labels is not None:
        accuracy = (answers.argmax(1) == y).double().mean().item()
        scores = {"accuracy": accuracy, "loss": functional.cross_entropy(answers, y).item()}
        return scores, figures.judge_of_images(split, answers.softmax(1))
    if len(split.shape) > 1:
        error = _root(functional.mse_loss(answers, y))
        explained = 1 - functional.mse_loss(answers, y) / y.var(0, correction=0).mean()
        drawn = from_unit(answers.view(-1, *split.shape))
        scores = {"rmse": error, "variance_explained": explained.item()}
        return scores, figures.judge_of_pictures(split, drawn)
    expected = answers if split.units is None else split.units.last().from_unit(answers)
    error = _root(functional.mse_loss(expected, split.samples[:, -1:]))
    return {"rmse": error}, figures.judge_of_points(split, expected)


def _root(square: Tensor) -> float:
    return math.sqrt(square.item())  # PyTorch's depends on the CPU's maker
