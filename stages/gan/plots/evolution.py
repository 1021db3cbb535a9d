"""The evolution of a training: samples from the same latent points after its epochs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import image_files
from stages.gan.plots.canvas import (
    blank,
    coordinates,
    has_equal_axes,
    panels,
    show,
    show_behind,
    tile,
    titled,
)
from stages.gan.plots.style import GENERATED

# Frames of an animation, at most, and its colours: enough to see what happens, in half a megabyte.
# Points are pale over each other, in two colours.
POINTS, GREY, COLORED = (40, 64), (30, 16), (16, 128)
STILLS = (0, 0.02, 0.1, 0.25, 0.5, 1)  # the epochs that the strip shows, as shares of all


class Preview:
    """Draws the samples from the fixed latent points after an epoch; every picture has the same axes.

    Points are drawn over the real ones.
    """

    def __init__(self, split: Split) -> None:
        self._split = split
        self._images = len(split.shape) == 3
        size = (2.6, 2.9) if self._images else (3.2, 3.4) if has_equal_axes(split) else (3.4, 3.0)
        self._figure = blank(size, split)
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_subplot()
        self._artist: Any = None

    def draw(self, preview: Tensor, epoch: int) -> NDArray[np.uint8]:
        """The picture, uint8 [height, width, 3], of the samples after an epoch."""
        title = f"epoch {epoch}"
        if self._artist is None:
            if not self._images:
                show_behind(self._axes, self._split)
            self._artist = show(self._axes, preview, self._split, GENERATED, title)
        elif self._images:
            self._artist.set_data(tile(preview, self._split))
        else:
            self._artist.set_data(*coordinates(preview))
        self._axes.set_title(title if self._images else titled(title, preview, self._split))
        self._canvas.draw()
        self._figure.set_layout_engine("none")  # keeps the layout of the first picture, in half the time
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


def animation(previews: Sequence[Tensor], split: Split, path: Path) -> None:
    """Write an animated GIF of about eight seconds: the previews of at most 40 of the epochs.

    Args:
        previews: samples after epoch 0 (before the training), 1, 2, ….
        split: the real samples.
        path: the file.
    """
    preview = Preview(split)
    most, colors = POINTS if len(split.shape) == 1 else COLORED if split.shape[0] > 1 else GREY
    shown = np.unique(np.linspace(0, len(previews) - 1, most).round().astype(int))
    frames = [Image.fromarray(preview.draw(previews[epoch], epoch)) for epoch in shown]
    pause = max(40, 8000 // len(frames))  # milliseconds
    image_files.save_animation(frames, [pause] * (len(frames) - 1) + [2000], path, colors)


def strip(previews: Sequence[Tensor], split: Split) -> Figure:
    """Still frames of the evolution, from epoch 0 to the last; see :func:`animation`."""
    last = len(previews) - 1
    epochs = sorted({round(last * part) for part in STILLS})
    figure, all_axes = panels(len(epochs), split, width=2.0)
    for axes, epoch in zip(all_axes, epochs, strict=True):
        if len(split.shape) == 1:
            show_behind(axes, split)
        show(axes, previews[epoch], split, GENERATED, f"epoch {epoch}")
        if axes is not all_axes[0]:
            axes.set_ylabel("")
    return figure
