"""A judge for a data set: what it is, what it is given, and how well it does."""

import math
from collections.abc import Iterator
from statistics import stdev

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.params import Judge, MlpJudge
from stages.gan.core.randomness import generator as random_generator
from stages.gan.judges import models
from stages.runtime.errors import UserError


def build(settings: Judge, dataset: Dataset) -> models.Judges:
    """The judges with their initial weights, each with its own.

    Classifiers of images, autoencoders of those without labels, or fits of points' last coordinate.
    """
    initial = [random_generator(settings.seed, "judge", index) for index in range(settings.count)]
    if isinstance(settings, MlpJudge):
        inputs = max(1, dataset.shape[0] - 1)
        return models.Judges([models.Regressor(inputs, settings.hidden, weights) for weights in initial])
    about = (dataset.shape, settings.channels, settings.features, dataset.class_count)
    return models.Judges([models.ImageJudge(*about, weights) for weights in initial])


def fit(settings: Judge, judges: models.Judges, split: Split, device: torch.device) -> Iterator[float]:
    """Fit the judges, on ``device``, one after the other; yields the mean loss of each of their epochs."""
    x, y = (tensor.to(device) for tensor in inputs(split))
    for index, member in enumerate(judges.members):
        yield from fit_one(settings, member, x, y, index)


def fit_one(settings: Judge, judge: nn.Module, x: Tensor, y: Tensor, *use: str | int) -> Iterator[float]:
    """Fit one judge as the settings say, to what it must predict from inputs; both are on its device.

    Args:
        settings: its epochs, batch size and learning rate; its seed draws the orders.
        judge: the network.
        x: inputs [N, …].
        y: classes (int64 [N]) or numbers (float32 [N, K]).
        use: what sets its orders apart from those of other judges.
    """
    return models.fit(
        judge,
        x,
        y,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        lr=settings.lr,
        seed=settings.seed,
        use=use,
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


def test(judges: models.Judges, split: Split) -> dict[str, float]:
    """Scores of the judges' answers, which are the mean of theirs, to data that they have not seen.

    Of several judges, there is the standard deviation of each score over them, too, as ``…_spread``.

    Raises:
        UserError: one gives the same answer to all, so that it can judge nothing.
    """
    alone = [_test(judge, split) for judge in judges.members]
    if len(alone) == 1:
        return alone[0]
    spread = {f"{name}_spread": stdev(scores[name] for scores in alone) for name in alone[0]}
    return _test(judges, split) | spread


def _test(network: nn.Module, split: Split) -> dict[str, float]:
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
