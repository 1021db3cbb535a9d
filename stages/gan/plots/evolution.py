"""A training's evolution: the samples of the same latent points after every epoch."""

import io
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
from stages.gan.plots.canvas import blank, coordinates, panels, show, tile
from stages.gan.plots.style import GENERATED
from stages.runtime import files

FRAMES = 100  # of an animation, at most
STILLS = (0, 0.02, 0.1, 0.25, 0.5, 1)  # of the epochs: what the strip shows


class Preview:
    """Draws the samples of the fixed latent points after an epoch, always in the same frame."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._images = len(split.shape) == 3
        size = (2.6, 2.9) if self._images else (3.4, 3.0)
        self._figure = blank(size, split)
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_subplot()
        self._artist: Any = None

    def draw(self, preview: Tensor, epoch: int) -> NDArray[np.uint8]:
        """The picture, uint8 [height, width, 3], of the samples after an epoch."""
        title = f"epoch {epoch}"
        if self._artist is None:
            self._artist = show(self._axes, preview, self._split, GENERATED, title)
        elif self._images:
            self._artist.set_data(tile(preview, self._split))
        else:
            self._artist.set_data(*coordinates(preview))
        self._axes.set_title(title)
        self._canvas.draw()
        self._figure.set_layout_engine("none")  # stays as the first one is laid out; half the time
        return np.asarray(self._canvas.buffer_rgba())[..., :3].copy()


def animation(previews: Sequence[Tensor], split: Split, path: Path) -> None:
    """Write the previews of epochs 0, 1, … as an animated GIF of at most 100 frames, eight seconds long."""
    preview = Preview(split)
    shown = np.unique(np.linspace(0, len(previews) - 1, FRAMES).round().astype(int))
    frames = [Image.fromarray(preview.draw(previews[epoch], epoch)) for epoch in shown]
    pause = max(40, 8000 // len(frames))  # milliseconds
    palette = frames[-1].quantize(16, dither=Image.Dither.NONE)
    write(frames, [pause] * (len(frames) - 1) + [2000], path, palette)


def write(frames: Sequence[Image.Image], pauses: Sequence[int], path: Path, palette: Image.Image) -> None:
    """Write an animated GIF that never ends.

    Args:
        frames: RGB.
        pauses: for how many milliseconds each of them is shown.
        path: the file.
        palette: has the colours of all frames, so that nothing flickers; changed here.
    """
    palette.putpalette([255 if value >= 248 else value for value in palette.getpalette() or []])
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    gif, rest = io.BytesIO(), frames[1:]
    frames[0].save(
        gif, format="gif", save_all=True, append_images=rest, duration=pauses, loop=0, optimize=False
    )
    files.write(path, gif.getvalue())


def strip(previews: Sequence[Tensor], split: Split) -> Figure:
    """Still frames of a training's evolution, from epoch 0 to the last."""
    last = len(previews) - 1
    epochs = sorted({round(last * part) for part in STILLS})
    figure, all_axes = panels(len(epochs), split, width=2.0)
    for axes, epoch in zip(all_axes, epochs, strict=True):
        show(axes, previews[epoch], split, GENERATED, f"epoch {epoch}")
        if axes is not all_axes[0]:
            axes.set_ylabel("")
    return figure
