"""Pictures of data, judges, losses, samples and their coverage: real blue, generated orange."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from torch import Tensor

from stages.gan.core.datasets import Split, denormalize
from stages.gan.core.history import Epoch
from stages.gan.plots import lettering
from stages.gan.plots.canvas import blank, column_name, panels, pixels, show
from stages.gan.plots.style import GENERATED, REAL

_NUMBERED = 20  # classes: of more, numbers in a confusion matrix could not be read
_ROWS, _COLUMNS = 10, 8  # of images by class
_TICK, _TITLE = 1.1, 0.75  # inches for the name of a class: beside an axis, above an image
_BINS = 50  # of the first coordinate's range, as many as its coverage counts


def data(split: Split) -> Figure:
    """Real samples: points as a scatter plot, 16 images as a 4x4 grid."""
    figure, (axes,) = panels(1, split)
    shown = split.samples if split.samples.dim() == 2 else split.samples[:16]
    show(axes, shown, split, REAL, "real")
    return figure


def samples(generated: Tensor, split: Split) -> Figure:
    """Generated samples beside real ones: up to 1,000 points, or 64 images of each."""
    figure, (left, right) = panels(2, split)
    count = 1000 if generated.dim() == 2 else 64
    show(left, split.samples[:count], split, REAL, "real")
    show(right, generated[:count], split, GENERATED, "generated")
    return figure


def samples_by_class(generated: Tensor, told: Tensor, split: Split) -> Figure:
    """Generated images beside real ones, a class per row: eight of each of the first classes.

    Args:
        generated: uint8 [N, C, H, W].
        told: the class that each was told, int64 [N].
        split: the real images, with labels.
    """
    assert split.labels is not None
    figure, (left, right) = panels(2, split)
    classes = [label for label in split.labels.unique().tolist() if (told == label).any()][:_ROWS]

    def rows(images: Tensor, labels: Tensor) -> Tensor:
        blank = images.new_full((_COLUMNS, *images.shape[1:]), 0 if split.light_on_dark else 255)
        of_each = (images[labels == label][:_COLUMNS] for label in classes)
        return torch.cat([torch.cat([row, blank[len(row) :]]) for row in of_each])

    show(left, rows(split.samples, split.labels), split, REAL, "real", _COLUMNS)
    show(right, rows(generated, told), split, GENERATED, "generated, a class per row", _COLUMNS)
    return figure


def judge(split: Split, answers: Tensor) -> Figure:
    """A judge's answers to test data.

    Args:
        split: the test data.
        answers: logits [N, K] of images' classes; the pixels [N, C * H * W] of images without labels, drawn
            again; or the last coordinate [N, 1] that is expected of points, in the data's units.
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
    axes.imshow(confusion / confusion.sum(1, keepdims=True).clip(min=1), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(confusion):
        if count and classes <= _NUMBERED:
            color = "white" if row == column else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, size=7)
    axes.set(xlabel="predicted", ylabel="true")
    for axis in (axes.xaxis, axes.yaxis):
        _name_classes(axis, split, classes)
    accuracy = (predicted == labels).double().mean().item()
    axes.set_title(f"test images by class: {accuracy:.2%} right")
    axes.grid(visible=False)
    shown = lettering.fit([split.class_name(label) for label in range(classes)], _TITLE, size=8)
    for index, small in enumerate(np.ravel(right.subplots(4, 4))):
        small.axis("off")
        if index < len(images):
            small.imshow(pixels(images[index], split), cmap="gray", vmin=0, vmax=255)
            right_answer = predicted[index] == labels[index]
            title = f"{shown[int(predicted[index])]}: {probabilities[index].max():.1%}"
            small.set_title(title, size=8, color="black" if right_answer else "firebrick")
    right.suptitle("predicted class and its probability", size="medium")
    return figure


def judge_of_pictures(split: Split, drawn: Tensor) -> Figure:
    """16 test images, and what the judge makes of them, uint8 [N, C, H, W]."""
    figure, (left, right) = panels(2, split)
    show(left, split.samples[:16], split, REAL, "test images")
    show(right, drawn[:16], split, REAL, "the same, from the judge's features")
    return figure


def judge_of_points(split: Split, fitted: Tensor) -> Figure:
    """What the judge expects test points' last coordinate to be [N, 1]: over x1, or beside the truth."""
    points, last, dimensions = split.samples, split.shape[0] - 1, split.shape[0]
    figure = blank((5, 3.6), split)
    axes = figure.add_subplot()
    if dimensions != 2:
        ends = [points[:, -1].min().item(), points[:, -1].max().item()]
        axes.plot(
            fitted[:, 0].numpy(), points[:, -1].numpy(), ".", color=REAL, alpha=0.3, label="test points"
        )
        axes.plot(ends, ends, "--", color="black", linewidth=1, label="where both are equal")
        given = ", given the others" if dimensions > 1 else ""
        expected = f"{column_name(split, last, 1.5)} as the judge expects it{given}"
        axes.set(xlabel=expected, ylabel=column_name(split, last, 2.8))
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
        label=f"the judge: {column_name(split, 1, 1.2)} given {column_name(split, 0, 1.2)}",
    )
    axes.set(xlabel=column_name(split, 0, 4), ylabel=column_name(split, 1, 2.8))
    axes.legend()
    return figure


def losses(history: Sequence[Epoch]) -> Figure:
    """Both networks' losses, and the discriminator's mean answers, by epoch."""
    figure = blank((9, 3.4))
    left, right = figure.subplots(1, 2)
    epochs = [epoch.number for epoch in history]
    left.plot(epochs, [epoch.loss_d for epoch in history], color=REAL, label="discriminator")
    left.plot(epochs, [epoch.loss_g for epoch in history], color=GENERATED, label="generator")
    left.set(xlabel="epoch", ylabel="loss (nats)", title="losses")
    if min(min(epoch.loss_d, epoch.loss_g) for epoch in history) >= 0:
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
    """What of the real data generated samples cover.

    Args:
        numbers: see :func:`stages.gan.evaluation.coverage.coverage`.
        split: the real data.
    """
    if len(split.shape) == 1:
        return coverage_of_points(numbers, split)
    if split.labels is not None:
        return coverage_of_classes(numbers[:, 0], split)
    real = numbers[:, 2] == 0
    return coverage_of_features(numbers[~real, :2], numbers[real, :2])


def coverage_of_classes(shares: Tensor, split: Split) -> Figure:
    """Share of each class [K] among generated samples beside that among the real ones."""
    count = len(shares)
    figure = blank((6, 3.2), split)
    axes = figure.add_subplot()
    assert split.labels is not None
    real = np.bincount(split.labels.numpy(), minlength=count) / len(split)
    classes = np.arange(count)
    axes.bar(classes - 0.2, 100 * real, 0.4, color=REAL, label="real")
    axes.bar(classes + 0.2, 100 * shares.numpy(), 0.4, color=GENERATED, label="generated, by the judge")
    axes.set(xlabel="class", ylabel="share (%)")
    _name_classes(axes.xaxis, split, count)
    axes.margins(y=0.2)
    axes.legend(ncols=2)
    return figure


def coverage_of_features(generated: Tensor, real: Tensor) -> Figure:
    """Generated images among real ones in the plane in which the real ones' features vary most.

    Args:
        generated: where they lie there [N, 2].
        real: where real ones do [M, 2].
    """
    figure = blank((6, 4))
    axes = figure.add_subplot()
    for places, color, label in ((real, REAL, "real"), (generated, GENERATED, "generated")):
        axes.plot(*places.T.numpy(), ".", color=color, alpha=0.4, ms=3, label=label)
    axes.set(xlabel="first principal component of the judge's features", ylabel="second")
    axes.legend(markerscale=3)
    return figure


def coverage_of_points(generated: Tensor, split: Split) -> Figure:
    """Distribution of the first coordinate over the real range, generated [N, D] beside real."""
    real = split.samples
    figure = blank((6, 3.2), split)
    axes = figure.add_subplot()
    edges = np.linspace(real[:, 0].min().item(), real[:, 0].max().item(), _BINS + 1).tolist()
    for points, color, label in ((real, REAL, "real"), (generated, GENERATED, "generated")):
        weights = np.full(len(points), 100 / len(points))
        axes.hist(points[:, 0].numpy(), edges, weights=weights, histtype="step", color=color, label=label)
    axes.set(xlabel=column_name(split, 0, 5), ylabel="share (%)")
    axes.margins(y=0.2)
    axes.legend(ncols=2)
    return figure


def _name_classes(axis: Axis, split: Split, count: int) -> None:
    """Have ticks for the classes, with their names if they have any."""
    if not split.classes:
        axis.set_ticks(range(0, count, -(-count // _NUMBERED)))
        return
    known = [split.class_name(label) for label in range(count)]
    upright = isinstance(axis, XAxis) and sum(map(lettering.width, known)) > 2 * _NUMBERED
    size = 5 if count > _NUMBERED else None
    axis.set_ticks(range(count), lettering.fit(known, _TICK, size), rotation=90 if upright else 0)
    if size is not None:
        axis.set_tick_params(labelsize=size)
