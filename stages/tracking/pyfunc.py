"""A generator as MLflow loads it: it draws samples by their numbers, or of latent points.

MLflow keeps this module with the model, and the rooms of the project that it needs (see ``modules.py``):
whoever loads the model needs neither a checkout nor a parameter file.
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
        threads: CPU threads to draw with; with another number, sums are rounded differently.
    """

    def __init__(self, generator: nn.Module, seed: int, threads: int) -> None:
        self._generator = generator
        self._latent = int(generator.latent)  # type: ignore[arg-type]
        self._sampler = sampling.Sampler(generator, seed)
        self._threads = threads

    def predict(self, data: "DataFrame") -> "NDArray[np.generic]":
        """Draw a sample for each row: images uint8 [N, C, H, W], or points float32 [N, D].

        Args:
            data: has one of two columns: ``seed``, whole numbers from 0 on, of which k gives sample k of the
                run, row k of its samples.npy; or ``latent``, points of the latent space, each a list of as
                many numbers as it has dimensions. A generator that is told the class takes a column
                ``class`` beside it, whole numbers; without it, sample k has its own class, and behind a
                latent point are shares of the classes.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, with what is wrong: a server answers it as 400.
        """
        given = [name for name in ("seed", "latent") if name in data]
        if len(given) != 1 or not len(data):
            raise _refusal(
                "wanted is a column seed or a column latent, with a row for each sample; "
                f"the data have {counted(len(data), 'row')} of {' and '.join(given) or 'neither'}"
            )
        told = self._classes(data["class"].tolist()) if "class" in data else None
        with _threads(self._threads):
            if given == ["seed"]:
                return self._by_seeds(data["seed"].tolist(), told)
            return self._of_points(data["latent"].tolist(), told)

    def _classes(self, rows: list[Any]) -> list[int]:
        """The classes that are asked for."""
        counts: list[int] = getattr(self._generator, "counts", [])
        if not counts:
            raise _refusal("class: the generator takes none")
        known = [label for label, samples in enumerate(counts) if samples]
        if wrong := [row for row in rows if row not in known]:
            raise _refusal(f"class: {wrong[0]} is none of {', '.join(map(str, known))}")
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
            raise _refusal(f"latent: these are not {wanted}, of the same length each") from error
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
    """Load the generator in a file; MLflow calls it.

    Args:
        path: the generator's file.
        model_config: ``device``, as :func:`devices.find` takes it, and ``threads``.
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
    """Have PyTorch compute with a number of threads within the block: the process is somebody else's."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _refusal(reason: str) -> Exception:
    return MlflowException.invalid_parameter_value(reason)  # type: ignore[no-any-return]
