"""Images in a folder of the user's: which there are, of which classes, and their pixels."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.gan.core.source import LEAST, MOST_CLASSES
from stages.runtime.errors import UserError, one_line

ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


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

    Hidden files and those that are no images are left out. One class alone says nothing: there are then
    no labels.

    Raises:
        UserError: the folder is missing, or has too few images, or too many classes, or a class of one image;
            or images lie both in it and in folders in it; or a folder in it is a link, as DVC follows none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder with images")
    here, inner = [], {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            _refuse_link(path)
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
    if len(images) < LEAST:
        raise UserError(f"{folder}: holds {len(images)} images; at least {LEAST} are needed")
    if len(inner) < 2:
        return Found(images)
    if len(inner) > MOST_CLASSES:
        raise UserError(f"{folder}: holds {len(inner)} classes; at most {MOST_CLASSES} are allowed")
    if alone := next((name for name, found in inner.items() if len(found) < 2), None):
        raise UserError(f"{folder}: class {alone} has one image; each needs at least 2")
    labels = tuple(label for label, found in enumerate(inner.values()) for _ in found)
    return Found(images, labels, tuple(map(one_line, inner)))


def read(images: Sequence[Path], shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels of images, uint8 [C, H, W] from 0 to 255, in their order.

    Each is turned as its EXIF data say, cut to the largest part of this form in its middle, and scaled. What
    is transparent becomes white.

    Raises:
        UserError: one cannot be read.
    """
    with ThreadPoolExecutor() as pool:
        yield from pool.map(partial(_pixels, shape=shape), images)


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise UserError(f"{folder}: is a link, behind which DVC sees no changes; move the folder here")


def _below(folder: Path) -> Iterable[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            _refuse_link(Path(place, name))
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in ENDINGS:
                yield Path(place, name)


def _pixels(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    from stages.gan.sources import pictures

    channels, height, width = shape
    image = pictures.load(path)
    if image.mode == "F":
        raise UserError(f"{path}: holds fractions, so its white is not known; save it with 8 bits")
    if image.mode.startswith("I"):  # 16 bits
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    image = pictures.flat(image, "white").convert("L" if channels == 1 else "RGB")
    part = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    pixels: NDArray[np.uint8] = np.asarray(part).reshape(height, width, channels).transpose(2, 0, 1)
    return pixels
