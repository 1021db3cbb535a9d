"""Pictures of data, judges, losses, samples and their coverage: real blue, generated orange."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from stages.gan.canvas import dark_on_light, panels, show
from stages.gan.datasets import Split
from stages.gan.history import Epoch
from stages.gan.style import GENERATED, REAL


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


def judge_of_images(images: Tensor, labels: Tensor, probabilities: Tensor) -> Figure:
    """The classifier's confusion matrix, and 16 test images with the predicted class and its probability.

    Args:
        images: uint8 [N, C, H, W].
        labels: their true classes, int64 [N].
        probabilities: the judge's, [N, K].
    """
    predicted = probabilities.argmax(1)
    classes = probabilities.shape[1]
    confusion = np.zeros((classes, classes), dtype=int)
    np.add.at(confusion, (labels.numpy(), predicted.numpy()), 1)
    figure = Figure(figsize=(9.5, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False)[0]
    axes = left.add_subplot()
    axes.imshow(confusion / confusion.sum(1, keepdims=True).clip(min=1), cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(confusion):
        if count:
            color = "white" if row == column else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, size=7)
    axes.set(xticks=range(classes), yticks=range(classes), xlabel="predicted", ylabel="true")
    accuracy = (predicted == labels).double().mean().item()
    axes.set_title(f"test images by class: {accuracy:.2%} right")
    axes.grid(visible=False)
    for index, small in enumerate(np.ravel(right.subplots(4, 4))):
        small.axis("off")
        if index < len(images):
            small.imshow(dark_on_light(images[index]), cmap="gray", vmin=0, vmax=255)
            right_answer = predicted[index] == labels[index]
            title = f"{predicted[index]}: {probabilities[index].max():.1%}"
            small.set_title(title, size=8, color="black" if right_answer else "firebrick")
    right.suptitle("predicted class and its probability", size="medium")
    return figure


def judge_of_points(points: Tensor, fitted: Tensor) -> Figure:
    """The fitted x2 over the test points; ``points`` [N, 2], ``fitted`` [N, 1] at their x1."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    x1, order = points[:, 0].numpy(), points[:, 0].argsort().numpy()
    axes.plot(x1, points[:, 1].numpy(), ".", ms=10, color=REAL, alpha=0.3, label="test points")
    axes.plot(
        x1[order], fitted.numpy()[order, 0], "--", color="black", linewidth=1, label="the judge: x2 given x1"
    )
    axes.set(xlabel="x1", ylabel="x2")
    axes.legend()
    return figure


def losses(history: Sequence[Epoch]) -> Figure:
    """Both networks' losses, and the discriminator's mean answers, by epoch."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [epoch.number for epoch in history]
    left.plot(epochs, [epoch.loss_d for epoch in history], color=REAL, label="discriminator")
    left.plot(epochs, [epoch.loss_g for epoch in history], color=GENERATED, label="generator")
    left.set(xlabel="epoch", ylabel="loss (nats)", title="losses")
    left.set_ylim(bottom=0)
    right.plot(epochs, [epoch.d_real for epoch in history], color=REAL, label="real: mean D(x)")
    right.plot(epochs, [epoch.d_fake for epoch in history], color=GENERATED, label="generated: mean D(G(z))")
    right.axhline(0.5, color="gray", linewidth=0.8, linestyle="--")
    right.set(xlabel="epoch", ylabel="probability of being real", title="the discriminator's answers")
    right.set_ylim(0, 1)
    for axes in (left, right):
        axes.legend()
    return figure


def coverage_of_classes(shares: Sequence[float], labels: Tensor) -> Figure:
    """Share of each class among generated samples beside that among the real ones (``labels``, [N])."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    real = np.bincount(labels.numpy(), minlength=len(shares)) / len(labels)
    classes = np.arange(len(shares))
    axes.bar(classes - 0.2, 100 * real, 0.4, color=REAL, label="real")
    axes.bar(classes + 0.2, 100 * np.asarray(shares), 0.4, color=GENERATED, label="generated, by the judge")
    axes.set(xlabel="class", ylabel="share (%)", xticks=classes)
    axes.margins(y=0.2)
    axes.legend(ncols=2)
    return figure


def coverage_of_points(generated: Tensor, real: Tensor, bins: int) -> Figure:
    """Distribution of x1 over the real range, generated beside real; both [N, D]."""
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    edges = np.linspace(real[:, 0].min().item(), real[:, 0].max().item(), bins + 1).tolist()
    for points, color, label in ((real, REAL, "real"), (generated, GENERATED, "generated")):
        weights = np.full(len(points), 100 / len(points))
        axes.hist(points[:, 0].numpy(), edges, weights=weights, histtype="step", color=color, label=label)
    axes.set(xlabel="x1", ylabel="share (%)")
    axes.margins(y=0.2)
    axes.legend(ncols=2)
    return figure
