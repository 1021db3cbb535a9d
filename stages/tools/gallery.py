"""Samples that someone asks to see: images in a grid, points in a figure."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import canvas
from stages.gan.plots.style import GENERATED
from stages.runtime import files
from stages.runtime.errors import counted

POINTS = 100_000  # in a figure, at most
_VALUES = 50_000_000  # in a grid of images, at most: those of 10,000 colour pictures of 40x40
_CELL, _PICTURE = 56, 2400  # sides in pixels: an image is enlarged as far as these allow


def most(shape: tuple[int, ...]) -> int:
    """How many samples of a shape one picture can show."""
    return POINTS if len(shape) == 1 else max(1, min(10_000, _VALUES // int(np.prod(shape))))


def save(path: Path, samples: Tensor, like: Split, columns: int = 0) -> None:
    """Write a PNG: images, uint8 [N, C, H, W], as a grid; points [N, D] as a figure of two coordinates.

    What ``like`` holds says how images are shown; one alone is shown as it is in the data. The grid has
    so many columns, by default as many as rows.
    """
    if samples.dim() == 4:
        tile = canvas.tile(samples, like, columns) if len(samples) > 1 else _pixels(samples[0])
        factor = min(_CELL // max(samples.shape[2:]), _PICTURE // max(tile.shape[:2]))
        canvas.save_pixels(enlarged(tile, max(1, factor)), path)
        return
    split = Split(samples)
    figure, (axes,) = canvas.panels(1, split, width=4.4)
    canvas.show(axes, samples, split, GENERATED, counted(len(samples), "sample"))
    canvas.save(figure, path)


def save_image(path: Path, image: Tensor) -> None:
    """Write an image, uint8 [C, H, W], as a PNG, pixel by pixel as it is in the data."""
    Image.fromarray(_pixels(image)).save(path, format="png")


def save_table(path: Path, blocks: Iterable[Tensor]) -> None:
    """Write points [B, D] as CSV, with a line of names; each number in as few digits as give it back."""
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
    """A picture [H, W, …] whose pixels are squares of ``factor`` pixels."""
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
