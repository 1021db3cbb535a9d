"""Pictures of data, judges, losses, samples and their coverage: real is blue, generated is orange."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from torch import Tensor

from stages.gan.core.datasets import Split, denormalize
from stages.gan.core.history import Epoch
from stages.gan.plots import lettering, loss_axis
from stages.gan.plots.canvas import (
    blank,
    column_name,
    has_equal_axes,
    panels,
    percent,
    pixels,
    show,
    show_behind,
)
from stages.gan.plots.style import GENERATED, NETWORK_COLORS, REAL, WRONG

_NUMBERED = 20  # classes, at most, whose confusion matrix has numbers in its squares
_ROWS, _COLUMNS = 10, 8  # of images by class
_TICK, _TITLE = 1.1, 0.75  # inches for the name of a class: beside an axis, above an image
_BINS = 50  # of the real range of the first coordinate, as for the score x1_coverage
_SHOWN = 1000  # points in a scatter plot, at most
_DARK = 0.5  # luminance: a square that is darker has a white number


def data(split: Split) -> Figure:
    """Real samples: points as a scatter plot, 16 images as a 4x4 grid."""
    figure, (axes,) = panels(1, split)
    shown = split.samples if split.samples.dim() == 2 else split.samples[:16]
    show(axes, shown, split, REAL, "real")
    return figure


def samples(generated: Tensor, split: Split) -> Figure:
    """Real samples beside generated ones: up to 1,000 points, or 64 images of each."""
    figure, (left, right) = panels(2, split)
    count = _SHOWN if generated.dim() == 2 else 64
    show(left, split.samples[:count], split, REAL, "real")
    show(right, generated[:count], split, GENERATED, "generated")
    return figure


def samples_by_class(generated: Tensor, told: Tensor, split: Split) -> Figure:
    """Real images beside generated ones, one class per row: eight images each of the first ten classes.

    Args:
        generated: uint8 [N, C, H, W].
        told: the class that the generator was given for each, int64 [N].
        split: the real images, with labels.
    """
    assert split.labels is not None
    classes = [label for label in split.labels.unique().tolist() if (told == label).any()][:_ROWS]
    figure, (left, right) = panels(2, split, grid=(len(classes), _COLUMNS))

    def rows(images: Tensor, labels: Tensor) -> Tensor:
        blank = images.new_full((_COLUMNS, *images.shape[1:]), 0 if split.light_on_dark else 255)
        of_each = (images[labels == label][:_COLUMNS] for label in classes)
        return torch.cat([torch.cat([row, blank[len(row) :]]) for row in of_each])

    show(left, rows(split.samples, split.labels), split, REAL, "real", _COLUMNS)
    show(right, rows(generated, told), split, GENERATED, "generated, one class per row", _COLUMNS)
    return figure


def judge(split: Split, answers: Tensor) -> Figure:
    """A judge's answers to test data.

    Args:
        split: the test data.
        answers: of images with labels, logits of the classes [N, K]; of images without, the pixels of their
            reconstructions [N, C * H * W]; of points, the predicted last coordinate [N, 1], in the data's
            units.
    """
    if split.labels is not None:
        return judge_of_images(split, answers.softmax(1))
    if len(split.shape) > 1:
        return judge_of_pictures(split, denormalize(answers.view(-1, *split.shape)))
    return judge_of_points(split, answers)


def judge_of_images(split: Split, probabilities: Tensor) -> Figure:
    """The classifier's confusion matrix, and 16 test images with the predicted class and its probability.

    Args:
        split: test images with their true classes.
        probabilities: the judge's, [N, K].
    """
    images, labels = split.samples, split.labels
    assert labels is not None
    predicted = probabilities.argmax(1)
    classes = probabilities.shape[1]
    confusion = np.zeros((classes, classes), dtype=int)
    np.add.at(confusion, (labels.numpy(), predicted.numpy()), 1)
    figure = blank((9.5, 4.6), split)
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    axes = left.add_subplot()
    shares = confusion / confusion.sum(1, keepdims=True).clip(min=1)  # of each true class
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    luminance = mpl.colormaps["Blues"](shares)[..., :3] @ (0.299, 0.587, 0.114)
    for (row, column), count in np.ndenumerate(confusion):
        if count and classes <= _NUMBERED:
            color = "white" if luminance[row, column] < _DARK else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, size=7)
    axes.set(xlabel="predicted", ylabel="true")
    for axis in (axes.xaxis, axes.yaxis):
        _name_classes(axis, split, classes)
    accuracy = (predicted == labels).double().mean().item()
    axes.set_title(f"test images by class: accuracy {accuracy:.2%}")
    axes.grid(visible=False)
    shown = lettering.fit([split.class_name(label) for label in range(classes)], _TITLE, size=8)
    for index, small in enumerate(np.ravel(right.subplots(4, 4))):
        small.axis("off")
        if index < len(images):
            small.imshow(pixels(images[index], split), cmap="gray", vmin=0, vmax=255)
            right_answer = predicted[index] == labels[index]
            title = f"{shown[int(predicted[index])]}: {probabilities[index].max():.1%}"
            small.set_title(title, size=8, color="black" if right_answer else WRONG)
    right.suptitle("predicted class and its probability", size="medium")
    return figure


def judge_of_pictures(split: Split, drawn: Tensor) -> Figure:
    """16 test images beside the judge's reconstructions of them, uint8 [N, C, H, W]."""
    figure, (left, right) = panels(2, split)
    show(left, split.samples[:16], split, REAL, "test images")
    show(right, drawn[:16], split, REAL, "the judge's reconstructions")
    return figure


def judge_of_points(split: Split, fitted: Tensor) -> Figure:
    """The judge's predictions of the last coordinate of test points [N, 1].

    Of points in the plane they are drawn over x1, of all others against the true values.
    """
    points, last, dimensions = split.samples, split.shape[0] - 1, split.shape[0]
    figure = blank((5, 3.6), split)
    axes = figure.add_subplot()
    if dimensions != 2:
        ends = [points[:, -1].min().item(), points[:, -1].max().item()]
        axes.plot(
            fitted[:, 0].numpy(), points[:, -1].numpy(), ".", color=REAL, alpha=0.3, label="test points"
        )
        axes.plot(ends, ends, "--", color="black", linewidth=1, label="prediction = true value")
        given = " from the other columns" if dimensions > 1 else ""
        predicted = f"{column_name(split, last, 1.5)}, predicted by the judge{given}"
        axes.set(xlabel=predicted, ylabel=column_name(split, last, 2.8))
        axes.legend()
        return figure
    x1, order = points[:, 0].numpy(), points[:, 0].argsort().numpy()
    axes.plot(x1, points[:, 1].numpy(), ".", ms=10, color=REAL, alpha=0.3, label="test points")
    axes.plot(
        x1[order],
        fitted.numpy()[order, 0],
        "--",
        color="black",
        linewidth=1,
        label=f"the judge: {column_name(split, 1, 1.2)} predicted from {column_name(split, 0, 1.2)}",
    )
    axes.set(xlabel=column_name(split, 0, 4), ylabel=column_name(split, 1, 2.8))
    if has_equal_axes(split):
        axes.set_aspect("equal", adjustable="datalim")
    axes.legend()
    return figure


def losses(history: Sequence[Epoch]) -> Figure:
    """The losses of both networks and the mean answers of the discriminator, by epoch.

    The axis of losses is logarithmic where they are large; see :mod:`stages.gan.plots.loss_axis`.
    """
    figure = blank((9, 3.4))
    left, right = figure.subplots(1, 2)
    epochs = [epoch.number for epoch in history]
    both = [epoch.loss_d for epoch in history], [epoch.loss_g for epoch in history]
    for losses, (network, color) in zip(both, NETWORK_COLORS.items(), strict=True):
        left.plot(epochs, losses, color=color, label=network)
    left.set(xlabel="epoch", title="losses")
    loss_axis.scale(left, (*both[0], *both[1]))
    if min(*both[0], *both[1]) >= 0:
        left.set_ylim(bottom=0)
    right.plot(epochs, [epoch.d_real for epoch in history], color=REAL, label="real: mean D(x)")
    right.plot(epochs, [epoch.d_fake for epoch in history], color=GENERATED, label="generated: mean D(G(z))")
    right.axhline(0.5, color="gray", linewidth=0.8, linestyle="--")
    right.set(xlabel="epoch", ylabel="probability of being real", title="the discriminator's answers")
    right.set_ylim(0, 1)
    for axes in (left, right):
        axes.legend()
    return figure


def coverage(numbers: Tensor, split: Split) -> Figure:
    """Which parts of the real data the generated samples cover.

    Args:
        numbers: what :func:`stages.gan.evaluation.coverage.coverage` returns.
        split: the real data.
    """
    if len(split.shape) == 1:
        return coverage_of_points(numbers, split)
    if split.labels is not None:
        return coverage_of_classes(numbers[:, 0], split)
    real = numbers[:, 2] == 0
    return coverage_of_features(numbers[~real, :2], numbers[real, :2])


def coverage_of_classes(shares: Tensor, split: Split) -> Figure:
    """The share of each class among generated samples [K] beside its share among real ones."""
    count = len(shares)
    figure = blank((6, 3.2), split)
    axes = figure.add_subplot()
    assert split.labels is not None
    real = np.bincount(split.labels.numpy(), minlength=count) / len(split)
    classes = np.arange(count)
    axes.bar(classes - 0.2, 100 * real, 0.4, color=REAL, label="real")
    axes.bar(
        classes + 0.2, 100 * shares.numpy(), 0.4, color=GENERATED, label="generated, classified by the judge"
    )
    axes.set(xlabel="class", ylabel="share (%)")
    _name_classes(axes.xaxis, split, count)
    axes.margins(y=0.2)
    axes.legend(ncols=2)
    return figure


def coverage_of_features(generated: Tensor, real: Tensor) -> Figure:
    """Generated images among real ones, by the first two principal components of the real ones' features.

    Args:
        generated: the components of each [N, 2].
        real: likewise [M, 2].
    """
    figure = blank((6, 4))
    axes = figure.add_subplot()
    for places, color, label in ((real, REAL, "real"), (generated, GENERATED, "generated")):
        axes.plot(*places.T.numpy(), ".", color=color, alpha=0.4, ms=3, label=label)
    axes.set(xlabel="first principal component of the judge's features", ylabel="second component")
    axes.legend(markerscale=3)
    return figure


def coverage_of_points(generated: Tensor, split: Split) -> Figure:
    """Generated points over real ones, and the distribution of the first coordinate over its real range.

    Args:
        generated: their first two coordinates [N, 2]; or [N, 1], and then there is the distribution alone.
        split: the real points.
    """
    if generated.shape[1] == 1:
        figure = blank((6, 3.2), split)
        _distribution(figure.add_subplot(), generated, split, 5)
        return figure
    figure = blank((7.2, 3.4 if has_equal_axes(split) else 3.1), split)
    left, right = figure.subplots(1, 2)
    show_behind(left, split)
    show(left, generated[:_SHOWN], split, GENERATED, "generated over real")
    _distribution(right, generated, split, 3)
    return figure


def _distribution(axes: Axes, generated: Tensor, split: Split, inches: float) -> None:
    """The first coordinate of generated and real points as histograms over the real range."""
    real = split.samples
    low, high = real[:, 0].min().item(), real[:, 0].max().item()
    edges = np.linspace(low, high, _BINS + 1).tolist()
    for points, color, label in ((real, REAL, "real"), (generated, GENERATED, "generated")):
        weights = np.full(len(points), 100 / len(points))
        axes.hist(points[:, 0].numpy(), edges, weights=weights, histtype="step", color=color, label=label)
    outside = ((generated[:, 0] < low) | (generated[:, 0] > high)).double().mean().item()
    if outside:
        axes.set_title(f"generated: {percent(outside)} outside the range")
    axes.set(xlabel=column_name(split, 0, inches), ylabel="share of points in a bin (%)")
    axes.margins(y=0.2)
    axes.legend(ncols=2)


def _name_classes(axis: Axis, split: Split, count: int) -> None:
    """Set a tick for each class, with its name if it has one; of many classes without names, for some."""
    if not split.classes:
        axis.set_ticks(range(0, count, -(-count // _NUMBERED)))
        return
    known = [split.class_name(label) for label in range(count)]
    upright = isinstance(axis, XAxis) and sum(map(lettering.width, known)) > 2 * _NUMBERED
    size = 5 if count > _NUMBERED else None
    axis.set_ticks(range(count), lettering.fit(known, _TICK, size), rotation=90 if upright else 0)
    if size is not None:
        axis.set_tick_params(labelsize=size)
