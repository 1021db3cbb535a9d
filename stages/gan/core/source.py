"""What a data source is: a piece that declares what its samples are, and loads them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from stages.gan.core.datasets import Dataset

LEAST = 10  # samples of the user's own data
MOST_CLASSES = 1000

Show = Callable[[Iterable[Any], int], Iterable[Any]]  # passes items on, of which there are so many


class Measured(NamedTuple):
    """What is known of a source's samples before they are loaded."""

    shape: tuple[int, ...]
    training: int  # samples in the training split
    labelled: bool | None = None  # whether images have labels; None: that is known when they are read


class Source:
    """A data source, as ``data`` in params.yaml names it; what ``__init__`` takes is what it may say.

    params.yaml is checked by what is said here, so that a module with sources imports nothing heavy (PyTorch
    takes seconds) before :meth:`load`.

    Attributes:
        kind: whether samples are points or images.
        shape: (D,) of a point, (C, H, W) of an image; None where it is known only when the data are read.
        counts: training and test samples; None likewise.
        labelled: whether images have labels; None likewise.
        path: where the user's own data are, which DVC then watches; None where it has none.
    """

    kind: ClassVar[Literal["points", "images"]]
    shape: tuple[int, ...] | None = None
    counts: tuple[int, int] | None = None
    labelled: bool | None = None
    path: str | None = None

    def load(self, raw: Path, show: Show = lambda items, _: items) -> "Dataset":
        """Make the data set.

        Args:
            raw: folder where downloads, if any, are kept.
            show: is passed what is read one by one, to show how it goes on.

        Raises:
            UserError: the data cannot be had, or not be used; the message says what was tried.
        """
        raise NotImplementedError

    def measure(self, raw: Path) -> Measured:
        """What can be known with little reading.

        Args:
            raw: see :meth:`load`.

        Raises:
            UserError: the data are not there, or cannot be used.
        """
        if self.shape is None or self.counts is None:
            dataset = self.load(raw)
            return Measured(dataset.shape, len(dataset.train), dataset.train.labels is not None)
        return Measured(self.shape, self.counts[0], self.labelled)


def wrong_declaration(source: object) -> str | None:
    """What a source declares that it cannot be; None where all is well."""
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
    """Training and test samples if only so many of each are taken."""
    train, test = (count if limit is None else min(count, limit) for count in counts)
    return train, test


def held_out(count: int, classes: int = 1) -> int:
    """How many of so many samples are for the test split: a fifth, and one of each class."""
    return max(-(-count // 5), classes)
