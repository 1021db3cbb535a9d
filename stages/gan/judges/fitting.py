"""Judges for a data set: building them, their inputs and targets, fitting, and testing."""

import math
from collections.abc import Callable, Iterator, Mapping
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
    """The judges with their initial weights, which differ from judge to judge.

    They are classifiers for images with labels, autoencoders for images without, and regressors of the last
    coordinate for points.
    """
    initial = [random_generator(settings.seed, "judge", index) for index in range(settings.count)]
    if isinstance(settings, MlpJudge):
        inputs = max(1, dataset.shape[0] - 1)
        return models.Judges([models.Regressor(inputs, settings.hidden, weights) for weights in initial])
    about = (dataset.shape, settings.channels, settings.features, dataset.class_count)
    return models.Judges([models.ImageJudge(*about, weights) for weights in initial])


def fit(
    settings: Judge,
    judges: models.Judges,
    split: Split,
    device: torch.device,
    count: Callable[[], object] = lambda: None,
) -> Iterator[float]:
    """Fit the judges on ``device``, one after the other; yields each judge's mean loss in each epoch.

    ``count`` is called after each step, of which there are :func:`steps`.
    """
    x, y = (tensor.to(device) for tensor in inputs(split))
    for index, member in enumerate(judges.members):
        yield from fit_one(settings, member, x, y, index, count=count)


def steps(settings: Judge, split: Split) -> int:
    """The number of steps of all epochs of all judges."""
    return settings.count * settings.epochs * -(-len(split) // settings.batch_size)


def fit_one(
    settings: Judge,
    judge: nn.Module,
    x: Tensor,
    y: Tensor,
    *use: str | int,
    count: Callable[[], object] = lambda: None,
) -> Iterator[float]:
    """Fit one judge; yields its mean loss in each epoch.

    Args:
        settings: epochs, batch size and learning rate; the seed decides the order of the data.
        judge: the network.
        x: inputs [N, …], on the judge's device.
        y: targets on the same device: classes (int64 [N]) or numbers (float32 [N, K]).
        use: a name of this judge, so that each judge sees the data in a different order.
        count: called after each step.
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
        count=count,
    )


def known(settings: Judge, dataset: Dataset) -> dict[str, object]:
    """The entries of a judge's architecture that depend on the data, not on its parameters."""
    if isinstance(settings, MlpJudge):
        return {}
    classes = dataset.class_count
    return {"network": "autoencoder"} if classes is None else {"classes": classes}


def inputs(split: Split) -> tuple[Tensor, Tensor]:
    """A judge's inputs [N, …] and targets: classes (int64 [N]), pixels [N, C * H * W], or coordinates [N, 1].

    All but classes are as the networks see them.
    """
    if split.labels is not None:
        return split.normalized, split.labels
    if len(split.shape) > 1:
        return split.normalized, split.normalized.flatten(1)
    return models.others(split.normalized), split.normalized[:, -1:]


def test(judges: models.Judges, split: Split) -> dict[str, float]:
    """Scores of the judges' mean answer to data that they have not seen.

    Classes are scored by ``accuracy`` and ``loss`` (cross entropy). Numbers are scored by ``rmse`` and
    ``variance_explained``: 1 - (mean squared error / variance of the targets). This is 0 for always answering
    with the mean of the targets, and negative for doing worse. Points with one coordinate have no
    ``variance_explained``, because there is nothing to predict the coordinate from.

    With several judges, ``…_spread`` is the standard deviation of each score over the judges.

    Raises:
        UserError: a judge gives the same answer to all inputs, so it cannot judge anything.
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
    """What the scores of :func:`test` on this data should be compared with, where that is not 0.

    For classes, this is ``largest_class``: the share of the largest class, which is the accuracy of always
    answering with it.
    """
    return {} if split.labels is None else {"largest_class": max(split.class_counts) / len(split)}


def weakness(scores: Mapping[str, float], split: Split) -> str | None:
    """Why judges with these scores (:func:`test`) on this data know nothing about it; None: they know enough.

    They know nothing if they are not better than always answering with the largest class, by more than two
    standard errors of its share (less can be chance), or not better than always answering with the mean.
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
    """The share of a variance that is explained, given the mean squared error; 0 if there is no variance."""
    return (1 - square / variance).item() if variance > 0 else 0.0


def expected(split: Split, answers: Tensor) -> Tensor:
    """A judge's answers to points, the expected last coordinate [N, 1], converted to the data's units."""
    scale = split.normalization
    return answers if scale is None else scale.last().denormalize(answers)


def _root(square: Tensor) -> float:
    return math.sqrt(square.item())  # PyTorch's depends on the CPU's maker
