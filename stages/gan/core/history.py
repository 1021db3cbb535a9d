"""A training's history, epoch by epoch, and its two files: the losses and the previews."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stages.gan.core import arrays
from stages.runtime import files
from stages.runtime.errors import UserError, counted


@dataclass(frozen=True)
class Epoch:
    """One pass over the data: means over its steps, and the preview after it.

    Attributes:
        number: the epoch's number, from 1.
        loss_d: the discriminator's loss.
        loss_g: the generator's loss.
        d_real: mean D(x) of real samples in the discriminator's steps, in [0, 1].
        d_fake: mean D(G(z)) of generated samples in the discriminator's steps, in [0, 1].
        preview: the samples [P, *shape] that the fixed latent points give after the epoch, with type and
            units as in a data set.
        distance: sliced Wasserstein distance between some generated samples and some training samples; None:
            not measured.
    """

    number: int
    loss_d: float
    loss_g: float
    d_real: float
    d_fake: float
    preview: Tensor
    distance: float | None = None


COLUMNS = ("epoch", "loss_d", "loss_g", "d_real", "d_fake")
DISTANCE = "distance"  # one more column, if it was measured


def save(history: Sequence[Epoch], pictures: Sequence[Tensor], losses: Path, previews: Path) -> None:
    """Write each epoch's losses and mean D to a CSV file, and the previews to a .npy file.

    Args:
        history: all epochs.
        pictures: the preview before the training [P, *shape], and the one after each epoch.
        losses: the CSV file: columns :data:`COLUMNS`, and :data:`DISTANCE` if any epoch has one; one row per
            epoch.
        previews: the .npy file: [epochs + 1, P, *shape]; the first is the preview before the training.
    """
    table, array = io.StringIO(), io.BytesIO()
    measured = any(epoch.distance is not None for epoch in history)
    writer = csv.DictWriter(table, [*COLUMNS, *([DISTANCE] if measured else [])], lineterminator="\n")
    writer.writeheader()
    for epoch in history:
        values = {name: f"{value:.6g}" for name, value in metrics(epoch).items()}
        writer.writerow({"epoch": epoch.number, **values})
    np.save(array, torch.stack(list(pictures)).numpy())
    files.write(losses, table.getvalue())
    files.write(previews, array.getvalue())


def load(losses: Path, previews: Path) -> tuple[Tensor, list[Epoch]]:
    """Read what :func:`save` wrote: the preview before the training [P, *shape], and all epochs.

    Raises:
        UserError: a file is missing or damaged.
    """
    try:
        with losses.open(newline="") as file:
            read = list(csv.DictReader(file))
        rows = [{name: float(row[name]) for name in COLUMNS} for row in read]
        distances = [float(row[DISTANCE]) if row.get(DISTANCE) else None for row in read]
        numbers = [int(row["epoch"]) for row in rows]
        if numbers != list(range(1, len(rows) + 1)) or not rows:
            raise ValueError("its epochs are not 1, 2, …")
        values = [*(value for row in rows for value in row.values()), *filter(None, distances)]
        if not all(map(isfinite, values)):
            raise ValueError("a number is not finite")
    except (OSError, ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        raise UserError(f"{losses}: not a readable history ({error!s}); run the train stage") from error
    pictures = arrays.load(previews, "previews", "train")
    if pictures.dim() < 3 or len(pictures) != len(rows) + 1:
        raise UserError(
            f"{previews}: holds an array of shape {tuple(pictures.shape)}, but {losses} has "
            f"{counted(len(rows), 'epoch')}; run the train stage"
        )
    first, *rest = pictures
    return first, [
        Epoch(number=number, preview=picture, distance=far, **{name: row[name] for name in COLUMNS[1:]})
        for number, row, far, picture in zip(numbers, rows, distances, rest, strict=True)
    ]


def metrics(epoch: Epoch) -> dict[str, float]:
    """An epoch's losses and mean D by their names in :data:`COLUMNS`, and its distance, if it has one."""
    values = {name: getattr(epoch, name) for name in COLUMNS[1:]}
    return values if epoch.distance is None else {**values, DISTANCE: epoch.distance}
