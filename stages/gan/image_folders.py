"""Images in a folder of one's own: which there are, of which classes, and their pixels."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.gan.errors import UserError, one_line

ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_DAMAGED = (OSError, ValueError, SyntaxError, TypeError, EOFError, OverflowError, MemoryError)


@dataclass(frozen=True)
class Found:
    """Images of a folder, in the order of their paths.

    Attributes:
        images: their files.
        labels: the class of each, where they lie in folders of their own; else empty.
        classes: the names of these folders, in the order of the labels.
    """

    images: tuple[Path, ...]
    labels: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()


def find(folder: Path) -> Found:
    """Find the images in a folder, or in the folders of classes in it, however deep.

    Hidden files and those that are no images are left out. One class alone tells nothing: there are then
    no labels.

    Raises:
        UserError: the folder is missing, or images lie both in it and in folders in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder with images")
    here, inner = [], {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if found := sorted(_below(path)):
                inner[path.name] = found
        elif path.suffix.lower() in ENDINGS:
            here.append(path)
    if here and inner:
        raise UserError(
            f"{folder}: images lie in it and in {next(iter(inner))}/, too; have them all in folders of "
            "classes, or none"
        )
    images = tuple(here or (image for found in inner.values() for image in found))
    if len(inner) < 2:
        return Found(images)
    labels = tuple(label for label, found in enumerate(inner.values()) for _ in found)
    return Found(images, labels, tuple(map(one_line, inner)))


def read(images: Sequence[Path], size: int, channels: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels of images, uint8 [C, size, size] from 0 to 255, in their order.

    Each is turned as its EXIF data say, cut to the largest square in its middle, and scaled. What is
    transparent becomes white.

    Raises:
        UserError: one cannot be read.
    """
    with ThreadPoolExecutor() as pool:
        yield from pool.map(partial(_pixels, size=size, channels=channels), images)


def _below(folder: Path) -> Iterable[Path]:
    for place, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in ENDINGS:
                yield Path(place, name)


def _pixels(path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
                image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
            if "A" in image.getbands() or "transparency" in image.info:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            image = image.convert("L" if channels == 1 else "RGB")
            square = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        reason = one_line(error)[:200] or type(error).__name__
        raise UserError(f"{path}: not a readable image ({reason}); mend it, or take it away") from error
    pixels: NDArray[np.uint8] = np.asarray(square).reshape(size, size, channels).transpose(2, 0, 1)
    return pixels
