"""Data sets that torchvision downloads: MNIST and similar ones. Their MD5 sums are checked at each use."""

import errno
import os
import shutil
import socket
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import torchvision.datasets
from torch import Tensor
from torchvision.datasets import EMNIST, utils
from torchvision.datasets.utils import check_integrity

from stages.gan.core.datasets import Dataset, Split
from stages.runtime.errors import UserError, without_login

Archives = Sequence[tuple[str, str]]  # name and MD5 sum of each

_UNREADABLE = (  # what downloading, unpacking and reading archives may raise
    *(OSError, EOFError, RuntimeError, ValueError, HTTPException, zlib.error),
    *(AssertionError, AttributeError, KeyError, TypeError, IndexError),
)
_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # another mirror would not help


def mnist(
    name: str, inner: str, counts: tuple[int, int], raw: Path, limit: int | None, named: bool
) -> Dataset:
    """MNIST, or a data set of the same form.

    Args:
        name: torchvision's name of the data set.
        inner: the folder in ``GAN_MIRROR`` that holds its archives; "": they are in ``GAN_MIRROR`` itself.
        counts: number of training images and of test images.
        raw: folder for downloads.
        limit: takes at most that many images of each split, the first ones; None: all.
        named: whether to keep the names of the classes.

    Raises:
        UserError: no mirror has the data; the message names all that were tried, and why each failed.
    """
    kind = getattr(torchvision.datasets, name)
    theirs = list(kind.mirrors)

    def read(mirror: str) -> list[Any]:
        kind.mirrors = [mirror]
        try:  # torchvision checks the MD5 sums, and downloads only archives that are missing or damaged
            return [kind(raw, train=train, download=True) for train in (True, False)]
        finally:
            kind.mirrors = theirs

    splits = _fetch(name, raw / name / "raw", kind.resources, theirs, inner, read, counts)
    classes = tuple(kind.classes) if named else ()
    return Dataset(*(_split(s.data[:limit], s.targets[:limit], classes) for s in splits))


def emnist(split: str, counts: tuple[int, int], raw: Path, limit: int | None) -> Dataset:
    """EMNIST; in ``GAN_MIRROR``, if it is set, the folder ``emnist`` holds its archive ``gzip.zip``.

    Args:
        split: torchvision's name of the selection of letters and digits.
        counts: number of training images and of test images in this selection.
        raw: see :func:`mnist`.
        limit: see :func:`mnist`.

    Raises:
        UserError: see :func:`mnist`.
    """
    theirs = EMNIST.url
    place, _, archive = theirs.rpartition("/")

    def read(mirror: str) -> list[Any]:
        EMNIST.url = mirror + archive
        try:
            return [EMNIST(raw, split, train=train, download=True) for train in (True, False)]
        finally:
            EMNIST.url = theirs

    folder = raw / "EMNIST" / "raw"
    splits = _fetch("EMNIST", folder, [(archive, EMNIST.md5)], [place], "emnist", read, counts)
    first = 1 if split == "letters" else 0  # the labels of this selection begin with 1
    classes = tuple(EMNIST.classes_split_dict[split][first:])
    parts = ((s.data[:limit].transpose(1, 2), s.targets[:limit] - first) for s in splits)
    return Dataset(*(_split(*part, classes) for part in parts))


def _split(images: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Split:
    return Split(images.unsqueeze(1).contiguous(), labels.contiguous(), classes=classes)


def _fetch(
    name: str,
    folder: Path,
    archives: Archives,
    mirrors: Sequence[str],
    inner: str,
    read: Callable[[str], list[Any]],
    counts: tuple[int, int],
) -> list[Any]:
    """Both splits of a data set, from the first mirror that has it.

    Args:
        name: torchvision's name of the data set.
        folder: the folder for its archives.
        archives: the archives that it needs.
        mirrors: torchvision's mirrors.
        inner: the folder in ``GAN_MIRROR`` that holds the archives.
        read: reads the splits with torchvision, which takes archives from ``folder`` or downloads them from a
            mirror.
        counts: number of images in each split.
    """
    ours = os.environ.get("GAN_MIRROR")
    own = [f"{ours.rstrip('/')}/{inner}" if inner else ours] if ours else []
    failures = []
    with _timeout(seconds=30), _bar_on_terminals():  # a mirror that hangs counts as down
        for source in own + list(mirrors):
            mirror = source
            _discard_bad(folder, archives)
            try:
                if (parts := urlsplit(mirror)).scheme == "file" or "://" not in mirror:
                    place = url2pathname(parts.path) if parts.scheme == "file" else mirror
                    _copy(Path(place).expanduser(), folder, archives)
                    mirror = folder.resolve().as_uri()
                splits = read(mirror.rstrip("/") + "/")
                found = [(tuple(split.data.shape), len(split.targets)) for split in splits]
                if found != (wanted := [((count, 28, 28), count) for count in counts]):
                    raise ValueError(f"images and labels are {found}, not {wanted}")
            except _UNREADABLE as error:
                _discard_bad(folder, archives)
                if isinstance(error, OSError) and error.errno in _ROOM:
                    raise OSError(error.errno, error.strerror, str(folder)) from error
                reason = " ".join(str(error).split()) or type(error).__name__
                failures.append(without_login(f"{source} ({reason})", source))
            else:
                return splits
    files = ("its four .gz files" if len(archives) > 1 else archives[0][0]) + (inner and f" in {inner}/")
    raise UserError(
        f"{name} could not be downloaded; tried {'; '.join(failures)}. Set GAN_MIRROR to a folder or URL "
        f"that holds {files}, or run the experiments that need no download: sine, digits"
    )


def _discard_bad(folder: Path, archives: Archives) -> None:
    """Delete archives with a wrong MD5 sum, and all unpacked files: a kill may have cut them short."""
    for unpacked in folder.glob("*-ubyte"):
        unpacked.unlink()
    shutil.rmtree(folder / "gzip", ignore_errors=True)
    for name, md5 in archives:
        if not check_integrity(folder / name, md5):
            (folder / name).unlink(missing_ok=True)


def _copy(source: Path, target: Path, archives: Archives) -> None:
    """Copy archives that are missing in ``target``; torchvision cannot take them from a folder.

    Raises:
        OSError: an archive is missing in ``source`` or has a wrong MD5 sum.
    """
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


@contextmanager
def _bar_on_terminals() -> Iterator[None]:
    """Show torchvision's progress bar on terminals only."""
    theirs = utils.tqdm
    utils.tqdm = partial(theirs, disable=None)
    try:
        yield
    finally:
        utils.tqdm = theirs
