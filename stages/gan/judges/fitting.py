"""A judge for a data set: what it is, what it is given, and how well it does."""

import math
from collections.abc import Iterator, Mapping
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

    Of classes, ``accuracy`` and ``loss``. Of numbers ``rmse``, and ``variance_explained``: 1 less the mean
    squared error over the variance of what is to be predicted, so 0 for who answers with its mean, and less
    for who does worse; not of points of one coordinate, which there is nothing to predict by.

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
    if (answers == answers[:1]).all() and not (x == x[:1]).all():
        raise UserError("judge: it gives the same answer to whatever it sees; lower judge.lr")
    if split.labels is not None:
        accuracy = (answers.argmax(1) == y).double().mean().item()
        return {"accuracy": accuracy, "loss": functional.cross_entropy(answers, y).item()}
    square, variance = functional.mse_loss(answers, y), y.var(0, correction=0).mean()
    if len(split.shape) > 1:
        return {"rmse": _root(square), "variance_explained": _explained(square, variance)}
    rmse = _root(functional.mse_loss(expected(split, answers), split.samples[:, -1:]))
    if split.shape == (1,):
        return {"rmse": rmse}
    return {"rmse": rmse, "variance_explained": _explained(square, variance)}


def compared(split: Split) -> dict[str, float]:
    """What the scores of :func:`test` on this data are to be held against, where that is not 0.

    Of classes, ``largest_class``: its share, which is the accuracy of who always answers with it.
    """
    return {} if split.labels is None else {"largest_class": max(split.class_counts) / len(split)}


def weakness(scores: Mapping[str, float], split: Split) -> str | None:
    """Why judges with these scores, see :func:`test`, on this data know nothing of it; None: they do.

    They do not if they answer no better than who always names the largest class (by more than two standard
    errors of its share, as less can be chance), or the mean.
    """
    if "accuracy" in scores and split.labels is not None:
        (largest,) = compared(split).values()
        by_chance = largest + 2 * math.sqrt(largest * (1 - largest) / len(split))
        if (accuracy := scores["accuracy"]) <= by_chance:
            return (
                "the judge is no better than always naming the largest class: its accuracy on test images is "
                f"{accuracy:.3g}; that has {largest:.3g}, and by chance up to {by_chance:.3g}"
            )
    elif (explained := scores.get("variance_explained", 1)) <= 0:
        share = f"{explained:.3g} of the variance of test data"
        return f"the judge is no better than the mean: it explains {share}"
    return None


def _explained(square: Tensor, variance: Tensor) -> float:
    """The share of a variance that a mean squared error leaves explained; of none, none is."""
    return (1 - square / variance).item() if variance > 0 else 0.0


def expected(split: Split, answers: Tensor) -> Tensor:
    """A judge's answers to points, the last coordinate [N, 1], in the data's units."""
    scale = split.normalization
    return answers if scale is None else scale.last().denormalize(answers)


def _root(square: Tensor) -> float:
    return math.sqrt(square.item())  # PyTorch's depends on the CPU's maker
