"""What the pictures of a run share: how they are written, and how samples are shown, dark on light."""

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import lettering
from stages.gan.plots.style import STYLE
from stages.runtime import files

mpl.rcdefaults()  # whatever style the user's own settings ask for: the bytes must not depend on it
mpl.rcParams.update(STYLE)


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as a PNG; the same bytes each time."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    files.write(path, picture.getvalue())


def save_pixels(picture: NDArray[np.uint8], path: Path) -> None:
    """Write a picture [H, W] or [H, W, 3] as a PNG, pixel by pixel."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="png")
    files.write(path, content.getvalue())


def blank(size: tuple[float, float], split: Split | None = None, layout: Any = "constrained") -> Figure:
    """An empty figure of so many inches, with fonts for the names that samples such as these have."""
    lettering.use_fonts(() if split is None else (*split.classes, *split.columns))
    return Figure(figsize=size, layout=layout)


def panels(count: int, split: Split, width: float = 3.6) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels side by side, each ``width`` inches wide, for samples such as these."""
    height = 0.85 * width if len(split.shape) == 1 else width + 0.2
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06, wspace=0.02)  # inches, but wspace: a share
    figure = blank((count * width, height), split, layout)
    return figure, list(np.ravel(figure.subplots(1, count, sharex=True, sharey=True)))


def show(axes: Axes, shown: Tensor, split: Split, color: str, title: str, columns: int = 0) -> Any:
    """Draw points over the real ones' range, or images as a grid, see :func:`tile`; returns the artist."""
    axes.set_title(title)
    if shown.dim() == 2:
        (artist,) = axes.plot(*coordinates(shown), ".", color=color, alpha=0.6, ms=4)
        low, high = split.samples.amin(0), split.samples.amax(0)
        margin = 0.2 * (high - low)
        across, up = _room(axes)
        axes.set(xlabel=column_name(split, 0, across))
        axes.set_xlim((low - margin)[0].item(), (high + margin)[0].item())
        if len(low) > 1:
            axes.set(ylabel=column_name(split, 1, up))
            axes.set_ylim((low - margin)[1].item(), (high + margin)[1].item())
        else:
            axes.set(ylabel=f"share of points up to {column_name(split, 0, up - 1.4)}", ylim=(-0.05, 1.05))
        return artist
    axes.axis("off")
    return axes.imshow(tile(shown, split, columns), cmap="gray", vmin=0, vmax=255)


def _room(axes: Axes) -> tuple[float, float]:
    """How long the labels of one of the panels side by side may be, in inches: below it, and at its left."""
    place, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    assert place is not None
    assert figure is not None
    width, height = figure.get_size_inches()
    return width / place.get_gridspec().ncols - 0.6, height - 0.6


def column_name(split: Split, index: int, inches: float) -> str:
    """What a coordinate of points such as these is called, as far as there is room for it."""
    (shown,) = lettering.fit([split.column(index)], inches)
    return shown


def coordinates(points: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where points [N, D] are drawn: by their first two numbers, or, if they have one, by their ranks."""
    if points.shape[1] > 1:
        return points[:, 0].numpy(), points[:, 1].numpy()
    ranks = np.arange(1, len(points) + 1) / len(points)
    return points[:, 0].sort().values.numpy(), ranks


def tile(images: Tensor, split: Split, columns: int = 0) -> NDArray[np.uint8]:
    """Images such as these, uint8 [n, C, H, W], as one picture with narrow gaps.

    It has so many columns and as many rows as it takes; by default as many as columns, and no fewer.
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
    """An image such as these, uint8 [C, H, W], for matplotlib: grey [H, W], dark on light; or [H, W, 3]."""
    array: NDArray[np.uint8] = image.numpy()
    if len(array) > 1:
        array = array.transpose(1, 2, 0)
    else:
        array = 255 - array[0] if split.light_on_dark else array[0]
    return array
