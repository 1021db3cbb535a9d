"""Images in a folder of the user's: finding them and their classes, and reading their pixels."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.gan.core.source import LEAST, MOST_CLASSES, Show
from stages.gan.sources import depth, picture_files
from stages.gan.sources.picture_files import PictureError
from stages.runtime import files
from stages.runtime.errors import UserError, counted, one_line

_SPLIT = re.compile(
    r"(train(ing)?|val(id(ation)?)?|dev|eval(uation)?|test(ing)?|hold-?out)([ _-]?(set|split|data|images?))?",
    re.IGNORECASE,
)
ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_FEW = 500  # up to this many images are read again each time, because it is fast
_FOLDERS = 4  # most folders that a message names


@dataclass(frozen=True)
class Found:
    """Images of a folder, in the order of their paths.

    Attributes:
        images: their files.
        labels: the class of each image, if the images are in a folder per class; otherwise empty.
        classes: the names of these folders, in the order of the labels.
    """

    images: tuple[Path, ...]
    labels: tuple[int, ...] = ()
    classes: tuple[str, ...] = ()


def find(folder: Path) -> Found:
    """Find the images in a folder, or in the folders in it, one per class, at any depth.

    Hidden files and files that are not images are left out. If there is only one class, there are no labels.

    Raises:
        UserError: the folder is missing, or has too few images, too many classes, or a class with one image;
            or there are images both in it and in folders in it; or these folders are splits of the data, such
            as train and val, not classes; or a folder in it is a link, which DVC would not follow.
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
            f"{folder}: there are images both in it and in {next(iter(inner))}/; put all images into folders "
            "of classes, or none"
        )
    _refuse_splits(folder, inner)
    images = tuple(here or (image for found in inner.values() for image in found))
    if len(images) < LEAST:
        raise UserError(f"{folder}: holds {counted(len(images), 'image')}; at least {LEAST} are needed")
    if len(inner) < 2:
        return Found(images)
    if len(inner) > MOST_CLASSES:
        raise UserError(f"{folder}: holds {len(inner)} classes; at most {MOST_CLASSES} are allowed")
    if alone := next((name for name, found in inner.items() if len(found) < 2), None):
        raise UserError(f"{folder}: class {alone} has one image; each needs at least 2")
    labels = tuple(label for label, found in enumerate(inner.values()) for _ in found)
    return Found(images, labels, tuple(map(one_line, inner)))


def largest(images: Sequence[Path]) -> tuple[float, bool] | None:
    """The largest value in images with more than 8 bits, and whether all values are whole numbers.

    None: no image has more than 8 bits. Images that cannot be read are left out.
    """
    with ThreadPoolExecutor() as pool:
        results = pool.map(picture_files.tried(picture_files.largest), images)
        found = [result for result in results if isinstance(result, tuple)]
    return (max(value for value, _ in found), all(whole for _, whole in found)) if found else None


def read(
    images: Sequence[Path], shape: tuple[int, ...], full: float | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels of each image, uint8 [C, H, W] from 0 to 255, in the given order.

    Each image is turned as its EXIF data say, cropped in the middle to the shape's aspect ratio, and resized.
    Transparent pixels become white.

    Args:
        images: the files.
        shape: (C, H, W).
        full: the value that becomes 255 in images with more than 8 bits; None: :func:`depth.white` of all.

    Raises:
        UserError: some images cannot be read; raised after all others have been yielded.
    """
    if full is None:
        full = depth.white(*(largest(images) or (1, True)))
    faults = []
    with ThreadPoolExecutor() as pool:
        for found in pool.map(picture_files.tried(partial(_pixels, shape=shape, full=full)), images):
            if isinstance(found, PictureError):
                faults.append(found)
            else:
                yield found
    picture_files.raise_together(faults, len(images))


def verify(folder: Path, images: Sequence[Path], memory: Path, show: Show) -> None:
    """Read all images of a folder, to check that they can be read.

    If there are many, a file lists those that could be read; they are not read again until they change.

    Args:
        folder: the folder.
        images: the images that :func:`find` has found in it.
        memory: the folder for these lists.
        show: shows the progress, if there is much to read; see :meth:`Source.load`.

    Raises:
        UserError: some images cannot be read; the message names up to ten.
    """
    notes = memory / f"{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}.txt"
    many = len(images) > _FEW
    known = set(notes.read_text(errors="replace").splitlines()) if many and notes.exists() else set()
    states = {image: _state(image, folder) for image in images}
    fresh = [image for image in images if states[image] not in known]
    with ThreadPoolExecutor() as pool:
        checked = pool.map(picture_files.tried(picture_files.check), fresh)
        results = list(show(checked, len(fresh)) if len(fresh) > _FEW else checked)
    faults = [result for result in results if isinstance(result, PictureError)]
    if fresh and many:
        wrong = {fault.path for fault in faults}
        right = (f"{state}\n" for image, state in states.items() if state and image not in wrong)
        files.write(notes, "".join(right))
    picture_files.raise_together(faults, len(images), folder)


def _state(image: Path, folder: Path) -> str | None:
    """Size, time and name of an image, one of which changes when the image does; None: it does not exist."""
    try:
        about = image.stat()
    except OSError:
        return None
    return f"{about.st_size} {about.st_mtime_ns} {str(image.relative_to(folder))!a}"


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise UserError(f"{folder}: is a link, and DVC sees no changes behind it; move the folder here")


def _refuse_splits(folder: Path, inner: Mapping[str, Sequence[Path]]) -> None:
    """Refuse folders that are named like splits of the data, because they would be taken for classes."""
    if not inner or not all(map(_SPLIT.fullmatch, inner)):
        return
    beneath = [
        {image.relative_to(folder / name).parts[0] for image in found if image.parent != folder / name}
        for name, found in inner.items()
    ]
    first, names = next(iter(inner)), _listed(inner)
    if len(inner) == 1:
        if len(beneath[0]) > 1:
            raise UserError(
                f"{folder}: holds only {first}/, with the folders {_listed(sorted(beneath[0]))}; if these "
                f"are the classes, name {folder / first}"
            )
        return
    same = beneath[0] and all(one == beneath[0] for one in beneath)
    seen = f"hold the same folders ({_listed(sorted(beneath[0]))}) and" if same else "have names that"
    raise UserError(
        f"{folder}: {names} {seen} look like splits of the data, not like classes; name one of them, such as "
        f"{folder / first}, or put all their images together (a fifth of each class is held out for tests "
        "anyway); if they are classes, rename them"
    )


def _listed(names: Iterable[str]) -> str:
    """Names for a message: the first few, and how many more there are."""
    known = list(names)
    return ", ".join(known[:_FOLDERS]) + (f" and {len(known) - _FOLDERS} more" * (len(known) > _FOLDERS))


def _below(folder: Path) -> Iterable[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            _refuse_link(Path(place, name))
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in ENDINGS:
                yield Path(place, name)


def _pixels(path: Path, shape: tuple[int, ...], full: float) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    from stages.gan.sources import pictures

    channels, height, width = shape
    image = pictures.flat(picture_files.load(path, full), "white").convert("L" if channels == 1 else "RGB")
    part = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    pixels: NDArray[np.uint8] = np.asarray(part).reshape(height, width, channels).transpose(2, 0, 1)
    return pixels
