"""Files of pictures: PNG and GIF. All that writes some imports this module, which sets their style.

It does not use PyTorch, which takes longer to import than drawing the report's pictures takes.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageChops

from stages.gan.plots.style import STYLE
from stages.runtime import files

mpl.rcdefaults()  # the bytes of a picture must not depend on the user's own settings of matplotlib
mpl.rcParams.update(STYLE)

_UNSEEN = 8  # of 255: by so much a colour may differ in the file
_TYPICAL = 8  # frames of an animation that decide its colours


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as a PNG; the same figure gives the same bytes.

    It has a palette of 256 colours, which makes the file half as large, unless that could be seen.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    few = picture.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    difference = np.asarray(ImageChops.difference(picture, few.convert("RGB")))
    content = io.BytesIO()
    kept = few if difference.max() <= _UNSEEN else picture
    kept.save(content, format="png", dpi=(figure.dpi, figure.dpi), optimize=True)
    files.write(path, content.getvalue())


def save_pixels(picture: NDArray[np.uint8], path: Path) -> None:
    """Write a picture [H, W] or [H, W, 3] as a PNG, pixel by pixel."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="png")
    files.write(path, content.getvalue())


def save_animation(frames: Sequence[Image.Image], pauses: Sequence[int], path: Path, colors: int) -> None:
    """Write an animated GIF that repeats forever.

    All frames have the same colours, so that nothing flickers; they are those of a few of them.

    Args:
        frames: RGB, of one size.
        pauses: for how many milliseconds each of them is shown.
        path: the file.
        colors: how many, at most 256.
    """
    few = np.concatenate([np.asarray(frame) for frame in frames[:: -(-len(frames) // _TYPICAL)]])
    palette = Image.fromarray(few).quantize(colors, dither=Image.Dither.NONE)
    palette.putpalette([255 if value >= 248 else value for value in palette.getpalette() or []])
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    gif, rest = io.BytesIO(), frames[1:]
    frames[0].save(
        gif, format="gif", save_all=True, append_images=rest, duration=pauses, loop=0, optimize=False
    )
    files.write(path, gif.getvalue())
