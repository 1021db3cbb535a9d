"""Pictures of data, judges, trainings, samples and scores: dark on light, real blue, generated orange."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stages.gan.datasets import Split
from stages.gan.history import Epoch

REAL, GENERATED = "#3b6fb6", "#e07b39"
FRAMES = 100  # of an animation, at most
STILLS = (0, 0.02, 0.1, 0.25, 0.5, 1)  # of the epochs: what the strip shows
mpl.rcParams.update(
    {
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": "medium",
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
        "figure.dpi": 110,
        "font.size": 9,
    }
)


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as a PNG; the same bytes each time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def data(split: Split) -> Figure:
    """Real samples: points as a scatter plot, 16 images as a 4x4 grid."""
    figure, (axes,) = _panels(1, split)
    shown = split.samples if split.samples.dim() == 2 else split.samples[:16]
    _show(axes, shown, split, REAL, "real")
    return figure


def samples(generated: Tensor, split: Split) -> Figure:
    """Generated samples beside real ones: up to 1,000 points, or 64 images of each."""
    figure, (left, right) = _panels(2, split)
    count = 1000 if generated.dim() == 2 else 64
    _show(left, split.samples[:count], split, REAL, "real")
    _show(right, generated[:count], split, GENERATED, "generated")
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
            small.imshow(_dark_on_light(images[index]), cmap="gray", vmin=0, vmax=255)
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


class Preview:
    """Draws the samples of the fixed latent points after an epoch, always in the same frame."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._images = len(split.shape) == 3
        size = (2.6, 2.9) if self._images else (3.4, 3.0)
        self._figure = Figure(figsize=size, layout="constrained")
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_subplot()
        self._artist: Any = None

    def draw(self, preview: Tensor, epoch: int) -> NDArray[np.uint8]:
        """The picture, uint8 [height, width, 3], of the samples after an epoch."""
        title = f"epoch {epoch}"
        if self._artist is None:
            self._artist = _show(self._axes, preview, self._split, GENERATED, title)
        elif self._images:
            self._artist.set_data(_tile(preview))
        else:
            self._artist.set_data(preview[:, 0].numpy(), preview[:, 1].numpy())
        self._axes.set_title(title)
        self._canvas.draw()
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


def animation(previews: Sequence[Tensor], split: Split, path: Path) -> None:
    """Write the previews of epochs 0, 1, … as an animated GIF of at most 100 frames, eight seconds long."""
    preview = Preview(split)
    shown = np.unique(np.linspace(0, len(previews) - 1, FRAMES).round().astype(int))
    frames = [Image.fromarray(preview.draw(previews[epoch], epoch)) for epoch in shown]
    palette = frames[-1].quantize(16, dither=Image.Dither.NONE)  # one for all frames: nothing flickers
    palette.putpalette([255 if value >= 248 else value for value in palette.getpalette() or []])
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    pause = max(40, 8000 // len(frames))  # milliseconds
    durations = [pause] * (len(frames) - 1) + [2000]
    path.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False)


def strip(previews: Sequence[Tensor], split: Split) -> Figure:
    """Still frames of a training's evolution, from epoch 0 to the last."""
    last = len(previews) - 1
    epochs = sorted({round(last * part) for part in STILLS})
    figure, panels = _panels(len(epochs), split, width=2.0)
    for axes, epoch in zip(panels, epochs, strict=True):
        _show(axes, previews[epoch], split, GENERATED, f"epoch {epoch}")
        if axes is not panels[0]:
            axes.set_ylabel("")
    return figure


def _panels(count: int, split: Split, width: float = 3.6) -> tuple[Figure, list[Axes]]:
    height = 0.85 * width if len(split.shape) == 1 else width + 0.2
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06, wspace=0.02)  # inches, but wspace: a share
    figure = Figure(figsize=(count * width, height), layout=layout)
    return figure, list(np.ravel(figure.subplots(1, count, sharex=True, sharey=True)))


def _show(axes: Axes, shown: Tensor, split: Split, color: str, title: str) -> Any:
    """Draw points over the real ones' range, or images as a grid; returns the artist."""
    axes.set_title(title)
    if shown.dim() == 2:
        (artist,) = axes.plot(shown[:, 0].numpy(), shown[:, 1].numpy(), ".", color=color, alpha=0.6, ms=4)
        low, high = split.samples.amin(0), split.samples.amax(0)
        margin = 0.2 * (high - low)
        axes.set(xlabel="x1", ylabel="x2")
        axes.set_xlim((low - margin)[0].item(), (high + margin)[0].item())
        axes.set_ylim((low - margin)[1].item(), (high + margin)[1].item())
        return artist
    axes.axis("off")
    return axes.imshow(_tile(shown), cmap="gray", vmin=0, vmax=255)


def _tile(images: Tensor) -> NDArray[np.uint8]:
    """Up to N² images, uint8 [n, C, H, W], as one picture with narrow gaps, dark on light."""
    side = int(np.ceil(np.sqrt(len(images))))
    height, width = images.shape[2:]
    gap = max(1, height // 14)
    first = _dark_on_light(images[0])
    tile = np.full(
        (side * (height + gap) - gap, side * (width + gap) - gap, *first.shape[2:]), 255, dtype=np.uint8
    )
    for index, image in enumerate(images):
        top, left = index // side * (height + gap), index % side * (width + gap)
        tile[top : top + height, left : left + width] = _dark_on_light(image)
    return tile


def _dark_on_light(image: Tensor) -> NDArray[np.uint8]:
    """An image, uint8 [C, H, W], for matplotlib: grey ones [H, W] inverted, colours [H, W, 3] as they are."""
    array: NDArray[np.uint8] = image.numpy()
    return 255 - array[0] if len(array) == 1 else array.transpose(1, 2, 0)
