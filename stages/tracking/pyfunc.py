"""A generator as an MLflow model: it draws samples by their numbers, or from latent points.

This module and the rooms of the project that it needs are logged with the model (see ``modules.py``). So the
model can be loaded without a checkout of the project and without a parameter file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mlflow.exceptions import MlflowException
from torch import nn

from stages.gan.core import devices, weights
from stages.gan.core.conditional import with_classes
from stages.gan.networks.base import sampling
from stages.gan.networks.base.registry import get_generator
from stages.runtime.errors import UserError, counted

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame


class Model:
    """Draws samples from a generator.

    Args:
        generator: a trained generator.
        seed: its run's seed.
        threads: number of CPU threads; with another number, sums are rounded differently.
    """

    def __init__(self, generator: nn.Module, seed: int, threads: int) -> None:
        self._generator = generator
        self._latent = int(generator.latent)  # type: ignore[arg-type]
        self._sampler = sampling.Sampler(generator, seed)
        self._threads = threads

    def predict(self, data: "DataFrame") -> "NDArray[np.generic]":
        """Draw a sample for each row: images uint8 [N, C, H, W], or points float32 [N, D].

        Args:
            data: has one of two columns. ``seed``: whole numbers from 0 on; k gives sample k of the run, row
                k of samples.npy. ``latent``: latent points, each a list with one number for each dimension.
                For a conditional generator, a column ``class`` may give the classes, as whole numbers.
                Without it, sample k has its own class, and a latent point ends with a share for each class.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, which a server answers as 400; the message says why.
        """
        given = [name for name in ("seed", "latent") if name in data]
        if len(given) != 1 or not len(data):
            raise _refusal(
                "the data must have a column seed or a column latent, with a row for each sample; "
                f"the data have {counted(len(data), 'row')} of {' and '.join(given) or 'neither'}"
            )
        told = self._classes(data["class"].tolist()) if "class" in data else None
        with _threads(self._threads):
            if given == ["seed"]:
                return self._by_seeds(data["seed"].tolist(), told)
            return self._of_points(data["latent"].tolist(), told)

    def _classes(self, rows: list[Any]) -> list[int]:
        """The classes in the column ``class``."""
        counts: list[int] = getattr(self._generator, "counts", [])
        if not counts:
            raise _refusal("class: the generator is not conditional; leave this column out")
        known = [label for label, samples in enumerate(counts) if samples]
        if wrong := [row for row in rows if row not in known]:
            raise _refusal(f"class: {wrong[0]} is not one of {', '.join(map(str, known))}")
        return [int(row) for row in rows]

    def _by_seeds(self, seeds: list[int], told: list[int] | None) -> "NDArray[np.generic]":
        if min(seeds) < 0:
            raise _refusal(f"seed: {min(seeds)} is below 0")
        return self._sampler.numbered(seeds, told).numpy()

    def _of_points(self, rows: list[Any], told: list[int] | None) -> "NDArray[np.generic]":
        known = 0 if told is None else len(getattr(self._generator, "counts", []))
        size = self._latent - known
        wanted = f"{counted(size, 'number')} in a row"
        try:
            with np.errstate(over="ignore"):
                points = torch.from_numpy(np.array([np.asarray(row, np.float32) for row in rows]))
        except (ValueError, TypeError, OverflowError) as error:
            raise _refusal(f"latent: {wanted} are wanted, and all rows must have the same length") from error
        if points.shape[1:] != (size,):
            raise _refusal(f"latent: {wanted} are wanted, not {' x '.join(map(str, points.shape[1:])) or 1}")
        if not points.isfinite().all():
            raise _refusal(
                "latent: not all of these are finite numbers (NaN, infinite, missing, or too large)"
            )
        if told is not None:
            points = with_classes(points, torch.tensor(told), known)
        return sampling.draw(self._generator, points).numpy()


def _load_pyfunc(path: str, model_config: Mapping[str, Any]) -> Model:
    """Load the generator in a file; called by MLflow.

    Args:
        path: the generator's file.
        model_config: ``device``, the argument of :func:`devices.find`, and ``threads``.

    Raises:
        MlflowException: the device or the file cannot be used.
    """
    try:
        device = devices.find(model_config["device"])
        generator, about = weights.load(Path(path), get_generator, device)
    except UserError as error:
        raise _refusal(str(error)) from error
    devices.settle()
    return Model(generator, about["seed"], model_config["threads"])


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Set PyTorch's number of threads within the block only, as the process belongs to the caller."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _refusal(reason: str) -> Exception:
    return MlflowException.invalid_parameter_value(reason)  # type: ignore[no-any-return]
