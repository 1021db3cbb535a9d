"""A training's history, epoch by epoch, and its two files: the losses and the previews."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stages.gan.errors import UserError


@dataclass(frozen=True)
class Epoch:
    """One pass over the data: means over its steps, and the preview after it.

    Attributes:
        number: 1 for the first.
        loss_d: the discriminator's loss.
        loss_g: the generator's loss.
        d_real: mean D(x) of real samples, in [0, 1], as the discriminator's step sees them.
        d_fake: mean D(G(z)) of generated samples, likewise.
        preview: the samples [P, *shape] of the fixed latent points after it; as data sets hold samples.
    """

    number: int
    loss_d: float
    loss_g: float
    d_real: float
    d_fake: float
    preview: Tensor


COLUMNS = ("epoch", "loss_d", "loss_g", "d_real", "d_fake")


def save(history: Sequence[Epoch], pictures: Sequence[Tensor], losses: Path, previews: Path) -> None:
    """Write each epoch's losses and mean D to a CSV file, and the previews to a .npy file.

    Args:
        history: all epochs.
        pictures: the preview before the training, [P, *shape], and those after each epoch.
        losses: columns :data:`COLUMNS`, one row an epoch.
        previews: [epochs + 1, P, *shape], from epoch 0 on.
    """
    for path in (losses, previews):
        path.parent.mkdir(parents=True, exist_ok=True)
    with losses.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for epoch in history:
            writer.writerow([epoch.number, *(f"{value:.6g}" for value in _values(epoch))])
    np.save(previews, torch.stack(list(pictures)).numpy())


def load(losses: Path, previews: Path) -> tuple[Tensor, list[Epoch]]:
    """Read what :func:`save` wrote: the preview before the training, and all epochs.

    Raises:
        UserError: a file is missing or damaged.
    """
    try:
        with losses.open(newline="") as file:
            rows = list(csv.DictReader(file))
        first, *pictures = torch.from_numpy(np.load(previews, allow_pickle=False))
        return first, [
            Epoch(
                number=int(row["epoch"]),
                loss_d=float(row["loss_d"]),
                loss_g=float(row["loss_g"]),
                d_real=float(row["d_real"]),
                d_fake=float(row["d_fake"]),
                preview=picture,
            )
            for row, picture in zip(rows, pictures, strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{losses}: not a readable history ({error}); run the train stage") from error


def metrics(epoch: Epoch) -> dict[str, float]:
    """An epoch's losses and mean D under the names of :data:`COLUMNS`."""
    return dict(zip(COLUMNS[1:], _values(epoch), strict=True))


def _values(epoch: Epoch) -> tuple[float, ...]:
    return epoch.loss_d, epoch.loss_g, epoch.d_real, epoch.d_fake
