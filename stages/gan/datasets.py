"""The data: where it comes from, its one file, and its values as the networks see them."""

import errno
import math
import os
import shutil
import socket
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from stages.gan import files
from stages.gan.address import without_login
from stages.gan.errors import UserError
from stages.gan.params import Data, DigitsData, MnistData, SineData
from stages.gan.randomness import generator

_UNREADABLE = (  # what downloading, unpacking and reading MNIST's files may raise
    *(OSError, EOFError, RuntimeError, ValueError, HTTPException, zlib.error),
    *(AssertionError, AttributeError, KeyError, TypeError, IndexError),
)
_MOST_CLASSES = 1000
_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # no other mirror would help


@dataclass(frozen=True)
class Split:
    """Samples and, where the data set has them, their labels (int64 [N]).

    Points are float32 [N, D] in the data's units; images are uint8 [N, C, H, W], 0 (background) to 255.
    """

    samples: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.samples.shape[1:])

    @property
    def kind(self) -> str:
        """What it holds, in words."""
        dtype = str(self.samples.dtype).removeprefix("torch.")
        labels = "" if self.labels is None else f" with {len(self.labels)} labels"
        return f"{len(self)} {dtype} samples of shape {self.shape}{labels}"


@dataclass(frozen=True)
class Dataset:
    """A train and a test split of the same kind."""

    train: Split
    test: Split

    @property
    def splits(self) -> tuple[Split, Split]:
        """Both."""
        return self.train, self.test

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (D,) for points, (C, H, W) for images."""
        return self.train.shape

    def save(self, path: Path) -> None:
        """Write all tensors to a safetensors file; the same bytes each time."""
        tensors = {}
        for name, split in (("train", self.train), ("test", self.test)):
            tensors[f"{name}.samples"] = split.samples.contiguous()
            if split.labels is not None:
                tensors[f"{name}.labels"] = split.labels.contiguous()
        files.write(path, to_bytes(tensors))

    def _problem(self) -> str | None:
        for split in self.splits:
            if split.samples.dim() < 2:
                return "its samples have no shape"
            labels = split.labels
            if labels is not None and (labels.dtype != torch.int64 or labels.dim() != 1):
                return "its labels are no class numbers"
            if labels is not None and len(labels) and not 0 <= labels.min() <= labels.max() < _MOST_CLASSES:
                return f"its labels are not all from 0 to {_MOST_CLASSES - 1}"
        return None

    @staticmethod
    def load(path: Path, data: Data | None = None) -> "Dataset":
        """Read what :meth:`save` wrote.

        Args:
            path: the file.
            data: what it should hold, if that is to be checked; another seed's is not noticed.

        Raises:
            UserError: the file is missing or damaged, or holds other data.
        """
        try:
            tensors = load_file(path)
            dataset = Dataset(
                Split(tensors["train.samples"], tensors.get("train.labels")),
                Split(tensors["test.samples"], tensors.get("test.labels")),
            )
            if problem := dataset._problem():
                raise ValueError(problem)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise UserError(f"{path}: not a readable data set ({error}); run the prepare stage") from error
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise UserError(f"{path}: holds numbers that are not finite; run the prepare stage")
        if data is not None:
            for name, split, wanted in zip(("train", "test"), dataset.splits, _kinds(data), strict=True):
                if (found := split.kind) != wanted:
                    raise UserError(
                        f"{path}: its {name} split holds {found}, but data of source {data.source} is "
                        f"{wanted}; it is another experiment's, or damaged: run the prepare stage"
                    )
        return dataset


def to_unit(samples: Tensor) -> Tensor:
    """Samples as the networks see them: images scaled from 0…255 to [-1, 1], points as they are."""
    return samples.float() / 127.5 - 1 if samples.dtype == torch.uint8 else samples


def from_unit(samples: Tensor) -> Tensor:
    """The inverse of :func:`to_unit`: images [N, C, H, W] to uint8, points [N, D] as they are."""
    if samples.dim() < 4:
        return samples
    return ((samples + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def prepare(data: Data, raw: Path) -> Dataset:
    """Make the data set that the parameters name; downloads, if any, are kept in the folder ``raw``.

    Raises:
        UserError: no source could be reached; the message names those tried.
    """
    if isinstance(data, MnistData):
        return _mnist(raw, data.limit)
    if isinstance(data, DigitsData):
        return _digits(data.seed)
    return Dataset(*(Split(_sine(data.points, data.seed, split)) for split in ("train", "test")))


def _kinds(data: Data) -> list[str]:
    """What the splits of a data set hold; see :attr:`Split.kind`."""
    if isinstance(data, SineData):
        return [f"{count} float32 samples of shape (2,)" for count in data.counts]
    shape = (1, data.side, data.side)
    return [f"{count} uint8 samples of shape {shape} with {count} labels" for count in data.counts]


def _sine(points: int, seed: int, split: str) -> Tensor:
    x1 = torch.rand(points, generator=generator(seed, "sine", split)) * (2 * math.pi)
    return torch.stack([x1, x1.sin()], dim=1)


def _digits(seed: int) -> Dataset:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
    labels = torch.from_numpy(digits.target.astype(np.int64))
    train, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, stratify=digits.target, random_state=seed % 2**32
    )
    return Dataset(*(Split(images[np.sort(i)], labels[np.sort(i)]) for i in (train, test)))


def _mnist(raw: Path, limit: int | None) -> Dataset:
    from torchvision.datasets import MNIST

    folder = raw / "MNIST" / "raw"
    theirs = list(MNIST.mirrors)
    ours = os.environ.get("GAN_MIRROR")
    failures = []
    with _timeout(seconds=30):  # a mirror that hangs is as good as one that is down
        for source in ([ours] if ours else []) + theirs:
            mirror = source
            _discard_bad(folder, MNIST.resources)
            try:
                if (parts := urlsplit(mirror)).scheme == "file" or "://" not in mirror:
                    place = url2pathname(parts.path) if parts.scheme == "file" else mirror
                    _copy(Path(place).expanduser(), folder, MNIST.resources)
                    mirror = folder.resolve().as_uri()
                MNIST.mirrors = [mirror.rstrip("/") + "/"]
                # Checks the MD5 sums, and fetches only the archives that are missing or bad.
                splits = [MNIST(raw, train=train, download=True) for train in (True, False)]
                found = [(tuple(split.data.shape), len(split.targets)) for split in splits]
                if found != (wanted := [((count, 28, 28), count) for count in MnistData.whole]):
                    raise ValueError(f"images and labels are {found}, not {wanted}")
            except _UNREADABLE as error:
                _discard_bad(folder, MNIST.resources)
                if isinstance(error, OSError) and error.errno in _ROOM:
                    raise OSError(error.errno, error.strerror, str(folder)) from error
                reason = " ".join(str(error).split()) or type(error).__name__
                failures.append(without_login(f"{source} ({reason})", source))
            else:
                return Dataset(*(Split(s.data[:limit].unsqueeze(1), s.targets[:limit]) for s in splits))
            finally:
                MNIST.mirrors = theirs
    raise UserError(
        f"MNIST could not be downloaded; tried {'; '.join(failures)}. Set GAN_MIRROR to a folder or URL that "
        "holds its four .gz files, or run the experiments that need no download: sine, digits"
    )


Archives = Sequence[tuple[str, str]]  # name and MD5 sum of each


def _discard_bad(folder: Path, archives: Archives) -> None:
    """Delete archives with a wrong MD5 sum, and all that was unpacked, as a kill may have cut that short."""
    from torchvision.datasets.utils import check_integrity

    for name, md5 in archives:
        (folder / name).with_suffix("").unlink(missing_ok=True)
        if not check_integrity(folder / name, md5):
            (folder / name).unlink(missing_ok=True)


def _copy(source: Path, target: Path, archives: Archives) -> None:
    """Copy the archives that ``target`` lacks, which torchvision does not do from a folder.

    Raises:
        OSError: one is missing or has a wrong MD5 sum.
    """
    from torchvision.datasets.utils import check_integrity

    target.mkdir(parents=True, exist_ok=True)
    for name, md5 in archives:
        if not (target / name).exists():
            shutil.copyfile(source / name, target / name)
            if not check_integrity(target / name, md5):
                raise OSError(f"{name} has a wrong MD5 sum")


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
