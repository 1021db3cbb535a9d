"""Where data sets come from: each source by the name that it has in ``params.yaml``."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stages.gan import downloads, image_folders, params, tables
from stages.gan.datasets import Dataset, Split
from stages.gan.errors import UserError
from stages.gan.params import ArrayData, Data, DigitsData, EmnistData, ImagesData, MnistData
from stages.gan.randomness import generator
from stages.gan.units import Units

T = TypeVar("T")
Show = Callable[[Iterable[T], int], Iterable[T]]  # passes items on, of which there are so many


def prepare(data: Data, raw: Path, show: Show[NDArray[np.uint8]] = lambda items, _: items) -> Dataset:
    """Make the data set that the parameters name.

    Args:
        data: the parameters.
        raw: folder where downloads, if any, are kept.
        show: is passed the images of a folder as they are read, to show how it goes on.

    Raises:
        UserError: no source could be reached, and the message names those tried; or a file of the user's is
            missing, or holds what cannot be used.
    """
    if isinstance(data, MnistData):
        return downloads.mnist(data, raw)
    if isinstance(data, EmnistData):
        return downloads.emnist(data, raw)
    if isinstance(data, ArrayData):
        return _array(data)
    if isinstance(data, ImagesData):
        return _images(data, show)
    if isinstance(data, DigitsData):
        return _digits(data.seed)
    return Dataset(*(Split(_sine(data.points, data.seed, split)) for split in ("train", "test")))


def _sine(points: int, seed: int, split: str) -> Tensor:
    x1 = torch.rand(points, generator=generator(seed, "sine", split)) * (2 * math.pi)
    return torch.stack([x1, x1.sin()], dim=1)


def _digits(seed: int) -> Dataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(digits.target.astype(np.int64))
    train, test = (rows.sort().values for rows in _held_out(len(labels), labels, seed))
    return Dataset(Split(images[train], labels[train]), Split(images[test], labels[test]))


def _array(data: ArrayData) -> Dataset:
    table = tables.read(Path(data.path).expanduser())
    points = torch.from_numpy(table.values)
    train, test = _held_out(len(points), None, data.seed)
    units = Units.of(points[train])
    if 0 in units.deviation:
        raise UserError(f"{data.path}: a column has the same value in all training rows: leave it out")
    return Dataset(*(Split(points[rows], units=units, columns=table.names) for rows in (train, test)))


def _images(data: ImagesData, show: Show[NDArray[np.uint8]]) -> Dataset:
    folder = Path(data.path).expanduser()
    found = image_folders.find(folder)
    pictures = show(image_folders.read(found.images, data.size, data.channels), len(found.images))
    images = torch.from_numpy(np.stack(list(pictures)))
    labels = torch.tensor(found.labels) if found.labels else None
    parts = []
    for rows in _held_out(len(images), labels, data.seed):
        parts.append(Split(images[rows], None if labels is None else labels[rows], classes=found.classes))
    return Dataset(*parts)


def _held_out(count: int, labels: Tensor | None, seed: int) -> tuple[Tensor, ...]:
    """The rows of the training split, and of the test split: a fifth, of each class; in a random order.

    In the order of their files, images would be sorted by their classes, and pictures show the first of them.
    """
    from sklearn.model_selection import train_test_split

    strata = None if labels is None else labels.numpy()
    classes = 1 if labels is None else len(labels.unique())
    test = params.held_out(count, classes)
    parts = train_test_split(np.arange(count), test_size=test, stratify=strata, random_state=seed % 2**32)
    return tuple(map(torch.from_numpy, parts))
