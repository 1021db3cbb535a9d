"""The base class of data sources: pieces that declare what their samples are, and load them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from stages.gan.core.datasets import Dataset

LEAST = 10  # samples that the user's own data must have
MOST_CLASSES = 1000

Show = Callable[[Iterable[Any], int], Iterable[Any]]  # passes on that many items, and shows progress


class Measured(NamedTuple):
    """What is known about a source's samples before they are loaded."""

    shape: tuple[int, ...]
    training: int  # samples in the training split
    labelled: bool | None = None  # whether images have labels; None: this is known only after reading them


class Source:
    """A data source, which ``data`` in params.yaml names; the arguments of ``__init__`` are its parameters.

    params.yaml is checked against the attributes below, which need no data. So a module with sources imports
    nothing heavy (PyTorch takes seconds) before :meth:`load`.

    Attributes:
        kind: whether samples are points or images.
        shape: (D,) of a point, (C, H, W) of an image; None: it is known only after reading the data.
        counts: number of training samples and of test samples; None: known only after reading the data.
        labelled: whether images have labels; None: known only after reading the data.
        path: the file or folder of the user's own data, which DVC tracks; None: the source reads none.
    """

    kind: ClassVar[Literal["points", "images"]]
    shape: tuple[int, ...] | None = None
    counts: tuple[int, int] | None = None
    labelled: bool | None = None
    path: str | None = None

    def load(self, raw: Path, show: Show = lambda items, _: items) -> "Dataset":
        """Read or make the data set.

        Args:
            raw: folder for downloads, if there are any.
            show: called with the items that are read one by one and their number; it passes them on and
                shows the progress.

        Raises:
            UserError: the data are not available or not usable; the message says what was tried.
        """
        raise NotImplementedError

    def measure(self, raw: Path) -> Measured:
        """Shape, number of training samples and labels, read with as little work as possible.

        By default these are the declared ones; if some are not declared, the data set is loaded.

        Args:
            raw: see :meth:`load`.

        Raises:
            UserError: the data are not available or not usable.
        """
        if self.shape is None or self.counts is None:
            dataset = self.load(raw)
            return Measured(dataset.shape, len(dataset.train), dataset.train.labels is not None)
        return Measured(self.shape, self.counts[0], self.labelled)


def wrong_declaration(source: object) -> str | None:
    """What is wrong with a source's declarations; None: nothing is."""
    if not isinstance(source, Source):
        return "must derive from stages.gan.core.source.Source"
    if (kind := getattr(source, "kind", None)) not in ("points", "images"):
        return f"kind must be 'points' or 'images', not {kind!r}"
    if source.shape is not None and not _are_counts(source.shape, 1 if kind == "points" else 3):
        return f"shape must be {'(D,)' if kind == 'points' else '(C, H, W)'} or None, not {source.shape!r}"
    if source.counts is not None and not _are_counts(source.counts, 2):
        return f"counts must be (training samples, test samples) or None, not {source.counts!r}"
    return None


def _are_counts(values: object, length: int) -> bool:
    whole = isinstance(values, tuple) and all(type(value) is int and value > 0 for value in values)
    return whole and isinstance(values, tuple) and len(values) == length


def limited(counts: tuple[int, int], limit: int | None) -> tuple[int, int]:
    """Numbers of training and test samples if at most ``limit`` of each are taken; None: no limit."""
    train, test = (count if limit is None else min(count, limit) for count in counts)
    return train, test


def held_out(count: int, classes: int = 1) -> int:
    """How many of ``count`` samples go to the test split: a fifth, rounded up, but at least one per class."""
    return max(-(-count // 5), classes)
