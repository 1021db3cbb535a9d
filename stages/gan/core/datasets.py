"""A data set: its samples, its one file, and its values as the networks see them."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from stages.gan.core.normalization import Normalization
from stages.gan.core.source import MOST_CLASSES, Source
from stages.runtime import files
from stages.runtime.errors import UserError, counted

_DARK, _BACKGROUND = 32, 0.4  # a background is dark if at least this share of the pixels is below this value
_KEY = "about"  # one key only: safetensors writes several in random order, which would change the bytes


@dataclass(frozen=True)
class Split:
    """Samples and, if the data set has them, their labels.

    Attributes:
        samples: points are float32 [N, D] in the data's units; images are uint8 [N, C, H, W], 0 to 255.
        labels: int64 [N], from 0; None: the samples have no labels.
        normalization: how points are scaled for the networks; None: points are not scaled.
        classes: names of the classes, in the order of the labels; empty: classes have no names.
        columns: names of the points' coordinates; empty: they are called x1, x2, ….
    """

    samples: Tensor
    labels: Tensor | None = None
    normalization: Normalization | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (D,) for points, (C, H, W) for images."""
        return tuple(self.samples.shape[1:])

    @property
    def normalized(self) -> Tensor:
        """The samples as the networks see them: images in [-1, 1], points scaled or unchanged."""
        if self.normalization is None:
            return normalize(self.samples)
        return self.normalization.normalize(self.samples)

    @property
    def class_counts(self) -> list[int]:
        """Number of samples of each class; empty if the samples have no labels."""
        counts: list[int] = [] if self.labels is None else self.labels.bincount().tolist()
        return counts

    @property
    def kind(self) -> str:
        """The split in words, such as ``50 float32 samples of shape (2,)``."""
        dtype = str(self.samples.dtype).removeprefix("torch.")
        labels = "" if self.labels is None else f" with {counted(len(self.labels), 'label')}"
        return f"{counted(len(self), f'{dtype} sample')} of shape {self.shape}{labels}"

    @cached_property
    def light_on_dark(self) -> bool:
        """Whether the images are grey on a dark background; pictures show such images dark on light."""
        some = self.samples[:1000]
        grey = some.dim() == 4 and some.shape[1] == 1
        return grey and (some < _DARK).double().mean().item() >= _BACKGROUND

    def column(self, index: int) -> str:
        """The name of the coordinate with an index, from 0; if it has none, x1, x2, …."""
        return self.columns[index] if self.columns else f"x{index + 1}"

    def class_name(self, label: int) -> str:
        """The name of a class; if it has none, its number."""
        return self.classes[label] if label < len(self.classes) else str(label)


@dataclass(frozen=True)
class Dataset:
    """A train and a test split of the same kind."""

    train: Split
    test: Split

    @property
    def splits(self) -> tuple[Split, Split]:
        """Both splits."""
        return self.train, self.test

    @property
    def class_count(self) -> int | None:
        """Number of classes in both splits (the largest label + 1); None: the samples have no labels."""
        if self.train.labels is None or self.test.labels is None:
            return None
        return int(torch.cat([self.train.labels, self.test.labels]).max()) + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (D,) for points, (C, H, W) for images."""
        return self.train.shape

    def save(self, path: Path) -> None:
        """Write the data set to a safetensors file; the same data set always gives the same bytes."""
        tensors = {}
        for name, split in (("train", self.train), ("test", self.test)):
            tensors[f"{name}.samples"] = split.samples.contiguous()
            if split.labels is not None:
                tensors[f"{name}.labels"] = split.labels.contiguous()
        about = self._about()
        files.write(path, to_bytes(tensors, metadata={_KEY: json.dumps(about)} if about else None))

    def _about(self) -> dict[str, Any]:
        split, scale = self.train, self.train.normalization
        units = {"mean": scale.mean, "deviation": scale.deviation} if scale else None
        about = {"units": units, "classes": split.classes, "columns": split.columns}
        return {key: value for key, value in about.items() if value}

    def _problem(self) -> str | None:
        for split in self.splits:
            if split.samples.dim() < 2:
                return "its samples have no shape"
            labels = split.labels
            if labels is not None and (labels.dtype != torch.int64 or labels.dim() != 1):
                return "its labels are not class numbers"
            if labels is not None and len(labels) and not 0 <= labels.min() <= labels.max() < MOST_CLASSES:
                return f"its labels are not all from 0 to {MOST_CLASSES - 1}"
        return None

    @staticmethod
    def load(path: Path, source: Source | None = None) -> "Dataset":
        """Read what :meth:`save` wrote.

        Args:
            path: the file.
            source: the data source that the file should come from; None: this is not checked. The check
                compares number, type, shape and labels; it does not notice another seed.

        Raises:
            UserError: the file is missing or damaged, or holds other data.
        """
        try:
            with safe_open(path, framework="pt") as file:
                about = _read_about((file.metadata() or {}).get(_KEY, "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            dataset = Dataset(
                Split(tensors["train.samples"], tensors.get("train.labels"), **about),
                Split(tensors["test.samples"], tensors.get("test.labels"), **about),
            )
            if problem := dataset._problem():
                raise ValueError(problem)
        except (OSError, SafetensorError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: not a readable data set ({error}); run the prepare stage") from error
        if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
            raise UserError(f"{path}: holds numbers that are not finite; run the prepare stage")
        if source is not None and (other := _otherwise(dataset, source)) is not None:
            raise UserError(f"{path}: {other}; it is another experiment's or damaged: run the prepare stage")
        return dataset


def wrong_dataset(found: object, source: Source) -> str | None:
    """Why ``found``, which ``source.load`` has returned, is not what the source declares; None: it is."""
    if not isinstance(found, Dataset):
        return f"load must return a Dataset, not a {type(found).__name__}"
    train, test = found.splits
    if (problem := found._problem()) is not None:
        return f"load: {problem}"
    if train.samples.data_ptr() == test.samples.data_ptr():
        return "load: the train and the test split share one tensor in memory"
    if not all(bool(torch.isfinite(split.samples).all()) for split in (train, test)):
        return "load: holds numbers that are not finite"
    return _otherwise(found, source)


def normalize(samples: Tensor) -> Tensor:
    """Samples as the networks see them: images scaled from 0…255 to [-1, 1], points unchanged."""
    return samples.float() / 127.5 - 1 if samples.dtype == torch.uint8 else samples


def denormalize(samples: Tensor) -> Tensor:
    """The inverse of :func:`normalize`: images [N, C, H, W] to uint8, points [N, D] unchanged."""
    if samples.dim() < 4:
        return samples
    return ((samples + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _read_about(text: str) -> dict[str, Any]:
    about = json.loads(text)
    units = about.get("units")
    scale = None
    if units:
        scale = Normalization(tuple(map(float, units["mean"])), tuple(map(float, units["deviation"])))
    names = {key: tuple(map(str, about.get(key, ()))) for key in ("classes", "columns")}
    return {"normalization": scale, **names}


def _otherwise(dataset: Dataset, source: Source) -> str | None:
    """How a data set differs from what its source declares; None: it does not."""
    for name, index, split in (("train", 0, dataset.train), ("test", 1, dataset.test)):
        if (found := split.kind) != (wanted := _kind(source, index, split)):
            return f"its {name} split holds {found}, but its source in the parameters gives {wanted}"
    return None


def _kind(source: Source, index: int, found: Split) -> str:
    """The :attr:`Split.kind` that a source declares for its training split (0) or its test split (1).

    For the user's own data, the parameters may not say how many samples there are, what shape they have, and
    whether they have labels. What is not declared is taken from the split that was ``found``.
    """
    count = len(found) if source.counts is None else source.counts[index]
    dtype = "float32" if source.kind == "points" else "uint8"
    shape = source.shape or found.shape[: 1 if source.kind == "points" else 3]
    labelled = found.labels is not None if source.labelled is None else source.labelled
    labels = f" with {counted(count, 'label')}" if labelled and source.kind == "images" else ""
    return f"{counted(count, f'{dtype} sample')} of shape {shape}{labels}"
