"""Pictures and tables of samples: images in a grid, points in a figure."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import canvas, image_files
from stages.gan.plots.style import GENERATED
from stages.runtime import files
from stages.runtime.errors import counted

POINTS = 100_000  # at most so many points in a figure
_VALUES = 50_000_000  # at most so many values in a grid of images: 10,000 colour images of 40x40
_CELL, _PICTURE = 56, 2400  # largest sides, in pixels, to which an image and the whole grid are enlarged


def most(shape: tuple[int, ...]) -> int:
    """The largest number of samples of a shape in one picture."""
    return POINTS if len(shape) == 1 else max(1, min(10_000, _VALUES // int(np.prod(shape))))


def save(path: Path, samples: Tensor, like: Split, columns: int = 0) -> None:
    """Write a PNG: images, uint8 [N, C, H, W], as a grid; points [N, D] as a figure of two coordinates.

    Args:
        path: the file.
        samples: what to show.
        like: decides how images are shown (dark on light or as they are). A single image is always shown as
            it is in the data.
        columns: number of the grid's columns; 0: about as many as rows.
    """
    if samples.dim() == 4:
        tile = canvas.tile(samples, like, columns) if len(samples) > 1 else _pixels(samples[0])
        factor = min(_CELL // max(samples.shape[2:]), _PICTURE // max(tile.shape[:2]))
        image_files.save_pixels(enlarged(tile, max(1, factor)), path)
        return
    split = Split(samples)
    figure, (axes,) = canvas.panels(1, split, width=4.4)
    canvas.show(axes, samples, split, GENERATED, counted(len(samples), "sample"))
    image_files.save(figure, path)


def save_image(path: Path, image: Tensor) -> None:
    """Write an image, uint8 [C, H, W], as a PNG with exactly its pixels."""
    Image.fromarray(_pixels(image)).save(path, format="png")


def save_table(path: Path, blocks: Iterable[Tensor]) -> None:
    """Write blocks of points [B, D] as CSV, with a header; numbers have just enough digits to be exact."""
    with files.replacing(path) as aside, aside.open("w", encoding="utf-8") as file:
        for number, block in enumerate(blocks):
            if number == 0:
                file.write(",".join(f"x{n + 1}" for n in range(block.shape[1])) + "\n")
            for row in block.numpy():
                file.write(",".join(map(str, row)) + "\n")


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = image.numpy()
    return array[0] if len(array) == 1 else array.transpose(1, 2, 0)


def enlarged(picture: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Enlarge a picture [H, W, …] by repeating each pixel ``factor`` times along both sides."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
