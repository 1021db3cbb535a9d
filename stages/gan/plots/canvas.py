"""What the pictures of a run share: how points and images are drawn."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import lettering
from stages.gan.plots.style import REAL

_MARGIN = 0.2  # of the real points' range: how far the axes reach beyond it
_ALIKE = 1.5  # times: two coordinates whose ranges differ by less have axes of the same scale
_BEHIND = 1000  # real points that are drawn behind generated ones, at most


def blank(size: tuple[float, float], split: Split | None = None, layout: Any = "constrained") -> Figure:
    """An empty figure, with fonts for the names of the classes and columns of ``split``.

    Args:
        size: width and height in inches.
        split: the data that are drawn.
        layout: a layout engine of matplotlib.
    """
    lettering.use_fonts(() if split is None else (*split.classes, *split.columns))
    return Figure(figsize=size, layout=layout)


def panels(
    count: int, split: Split, width: float = 3.6, grid: tuple[int, int] = (1, 1)
) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, for samples like those of ``split``.

    Args:
        count: number of panels.
        split: the real samples.
        width: of a panel, in inches.
        grid: rows and columns of the images in a panel; equal numbers have the same effect as 1 and 1.
    """
    if len(split.shape) > 1:
        height = width * (grid[0] * split.shape[1]) / (grid[1] * split.shape[2]) + 0.2
    else:
        height = width + 0.4 if has_equal_axes(split) else 0.85 * width
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06, wspace=0.02)  # inches; wspace is a share
    figure = blank((count * width, height), split, layout)
    return figure, list(np.ravel(figure.subplots(1, count, sharex=True, sharey=True)))


def show(axes: Axes, shown: Tensor, split: Split, color: str, title: str, columns: int = 0) -> Any:
    """Draw points, or images as a grid (see :func:`tile`).

    The axes of points reach a little beyond the real ones, and have the same scale where the ranges of both
    coordinates are alike. If points lie outside the axes, the title says how many percent.

    Args:
        axes: to draw on.
        shown: points float32 [N, D], or images uint8 [N, C, H, W].
        split: the real samples.
        color: of points.
        title: of the axes.
        columns: of a grid of images; 0: as many as rows.

    Returns:
        The artist.
    """
    axes.set_title(titled(title, shown, split) if shown.dim() == 2 else title)
    if shown.dim() == 2:
        (artist,) = axes.plot(*coordinates(shown), ".", color=color, alpha=0.6, ms=4)
        (left, bottom), (right, top) = _limits(split)
        across, up = _room(axes)
        axes.set(xlabel=column_name(split, 0, across), xlim=(left, right), ylim=(bottom, top))
        if len(split.shape) == 1 and split.shape[0] > 1:
            axes.set(ylabel=column_name(split, 1, up))
        else:
            axes.set(ylabel=f"share of points up to {column_name(split, 0, up - 1.4)}")
        if has_equal_axes(split):
            axes.set_aspect("equal", adjustable="box")
        return artist
    axes.axis("off")
    return axes.imshow(tile(shown, split, columns), cmap="gray", vmin=0, vmax=255)


def show_behind(axes: Axes, split: Split) -> None:
    """Draw up to 1,000 real points, pale: the curve or the places where generated points should lie."""
    axes.plot(*coordinates(split.samples[:_BEHIND]), ".", color=REAL, alpha=0.25, ms=3, zorder=1)


def has_equal_axes(split: Split) -> bool:
    """Whether both axes have the same scale: if the ranges of the coordinates are alike, as of a ring."""
    if len(split.shape) > 1 or split.shape[0] < 2:
        return False
    ranges = (split.samples.amax(0) - split.samples.amin(0))[:2]
    return 0 < ranges.max().item() < _ALIKE * ranges.min().item()


def titled(title: str, points: Tensor, split: Split) -> str:
    """A title for points [N, D], with the percentage that lies outside the axes, if any does."""
    (left, bottom), (right, top) = _limits(split)
    low, high = ((left, bottom), (right, top)) if points.shape[1] > 1 else ((left,), (right,))
    shown = points[:, : len(low)]
    outside = (shown < shown.new_tensor(low)) | (shown > shown.new_tensor(high))
    share = outside.any(1).double().mean().item()
    return ", ".join(filter(None, (title, f"{percent(share)} outside" if share else "")))


def percent(share: float) -> str:
    """A share above 0 in percent, with one decimal."""
    return f"{share:.1%}" if share >= 0.001 else "<0.1%"


def _limits(split: Split) -> tuple[tuple[float, float], tuple[float, float]]:
    """The lower left and the upper right corner of the axes of points."""
    low, high = split.samples.amin(0), split.samples.amax(0)
    margin = _MARGIN * (high - low)
    left, right = (low - margin)[0].item(), (high + margin)[0].item()
    if len(low) == 1:
        return (left, -0.05), (right, 1.05)
    return (left, (low - margin)[1].item()), (right, (high + margin)[1].item())


def _room(axes: Axes) -> tuple[float, float]:
    """How long the labels of a panel may be, in inches: of the one below it, and of the one at its left."""
    place, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    assert place is not None
    assert figure is not None
    width, height = figure.get_size_inches()
    return width / place.get_gridspec().ncols - 0.6, height - 0.6


def column_name(split: Split, index: int, inches: float) -> str:
    """The name of a coordinate, shortened to so many inches."""
    (shown,) = lettering.fit([split.column(index)], inches)
    return shown


def coordinates(points: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where points [N, D] are drawn: by their first two coordinates; if they have one, by it and its rank."""
    if points.shape[1] > 1:
        return points[:, 0].numpy(), points[:, 1].numpy()
    ranks = np.arange(1, len(points) + 1) / len(points)
    return points[:, 0].sort().values.numpy(), ranks


def tile(images: Tensor, split: Split, columns: int = 0) -> NDArray[np.uint8]:
    """Images, uint8 [n, C, H, W], as one picture: a grid with narrow gaps.

    Args:
        images: of the same kind as the real ones.
        split: the real ones.
        columns: of the grid, which has as many rows as it takes; 0: as many columns as rows.
    """
    side = int(np.ceil(np.sqrt(len(images))))
    rows, columns = (-(-len(images) // columns), columns) if columns else (side, side)
    height, width = images.shape[2:]
    gap = max(1, height // 14)
    first = pixels(images[0], split)
    tile = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, *first.shape[2:]), 255, dtype=np.uint8
    )
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        tile[top : top + height, left : left + width] = pixels(image, split)
    return tile


def pixels(image: Tensor, split: Split) -> NDArray[np.uint8]:
    """An image, uint8 [C, H, W], for matplotlib: [H, W] if it is grey, else [H, W, 3].

    Grey images on a dark background, such as MNIST's, become dark on light.
    """
    array: NDArray[np.uint8] = image.numpy()
    if len(array) > 1:
        array = array.transpose(1, 2, 0)
    else:
        array = 255 - array[0] if split.light_on_dark else array[0]
    return array
