"""A judge for a data set: what it is, what it is given, and how well it does."""

import math

from torch import Tensor, nn
from torch.nn import functional

from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.params import Judge, MlpJudge
from stages.gan.core.randomness import generator as random_generator
from stages.gan.judges import models
from stages.runtime.errors import UserError


def build(settings: Judge, dataset: Dataset) -> nn.Module:
    """The judge with its initial weights.

    A classifier of images, an autoencoder of those without labels, or a fit of points' last coordinate.
    """
    initial = random_generator(settings.seed, "judge")
    if isinstance(settings, MlpJudge):
        return models.Regressor(max(1, dataset.shape[0] - 1), settings.hidden, initial)
    return models.ImageJudge(
        dataset.shape, settings.channels, settings.features, dataset.class_count, initial
    )


def known(settings: Judge, dataset: Dataset) -> dict[str, object]:
    """What a judge's architecture owes to the data, and not to its parameters."""
    if isinstance(settings, MlpJudge):
        return {}
    classes = dataset.class_count
    return {"network": "autoencoder"} if classes is None else {"classes": classes}


def inputs(split: Split) -> tuple[Tensor, Tensor]:
    """What the judge is given and what it must predict."""
    if split.labels is not None:
        return split.normalized, split.labels
    if len(split.shape) > 1:
        return split.normalized, split.normalized.flatten(1)
    return models.others(split.normalized), split.normalized[:, -1:]


def test(network: nn.Module, split: Split) -> dict[str, float]:
    """Scores of the judge's answers to data it has not seen.

    Raises:
        UserError: it gives the same answer to all, so that it can judge nothing.
    """
    x, y = inputs(split)
    answers = models.predict(network, x)
    if len(answers) > 1 and split.shape != (1,) and (answers == answers[:1]).all():
        raise UserError("judge: it gives the same answer to whatever it sees; lower judge.lr")
    if split.labels is not None:
        accuracy = (answers.argmax(1) == y).double().mean().item()
        return {"accuracy": accuracy, "loss": functional.cross_entropy(answers, y).item()}
    if len(split.shape) > 1:
        error = _root(functional.mse_loss(answers, y))
        explained = 1 - functional.mse_loss(answers, y) / y.var(0, correction=0).mean()
        return {"rmse": error, "variance_explained": explained.item()}
    return {"rmse": _root(functional.mse_loss(expected(split, answers), split.samples[:, -1:]))}


def expected(split: Split, answers: Tensor) -> Tensor:
    """A judge's answers to points, the last coordinate [N, 1], in the data's units."""
    scale = split.normalization
    return answers if scale is None else scale.last().denormalize(answers)


def _root(square: Tensor) -> float:
    return math.sqrt(square.item())  # PyTorch's depends on the CPU's maker
