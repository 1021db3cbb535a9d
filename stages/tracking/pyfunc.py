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
from stages.gan.networks.base import sampling
from stages.gan.networks.base.registry import get_generator
from stages.runtime.errors import UserError

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
        self._latent: int = generator.latent  # type: ignore[assignment]
        self._seed = seed
        self._threads = threads

    def predict(self, data: "DataFrame") -> "NDArray[np.generic]":
        """Draw a sample for each row: images uint8 [N, C, H, W], or points float32 [N, D].

        Args:
            data: has one of two columns: ``seed``, whole numbers from 0 on, of which k gives sample k of the
                run, row k of its samples.npy; or ``latent``, points of the latent space, each a list of as
                many numbers as it has dimensions.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, with what is wrong: a server answers it as 400.
        """
        given = [name for name in ("seed", "latent") if name in data]
        if len(given) != 1 or not len(data):
            raise _refusal(
                "wanted is a column seed or a column latent, with a row for each sample; "
                f"there are {len(data)} rows of {' and '.join(given) or 'neither'}"
            )
        with _threads(self._threads):
            if given == ["seed"]:
                return self._by_seeds(data["seed"].tolist())
            return self._of_points(data["latent"].tolist())

    def _by_seeds(self, seeds: list[int]) -> "NDArray[np.generic]":
        if min(seeds) < 0:
            raise _refusal(f"seed: {min(seeds)} is below 0")
        return sampling.numbered(self._generator, self._seed, seeds).numpy()

    def _of_points(self, rows: list[Any]) -> "NDArray[np.generic]":
        wanted = f"{self._latent} numbers in a row"
        try:
            with np.errstate(over="ignore"):
                points = torch.from_numpy(np.array([np.asarray(row, np.float32) for row in rows]))
        except (ValueError, TypeError, OverflowError) as error:
            raise _refusal(f"latent: these are not {wanted}, of the same length each") from error
        if points.shape[1:] != (self._latent,):
            raise _refusal(f"latent: {wanted} are wanted, not {' x '.join(map(str, points.shape[1:])) or 1}")
        if not points.isfinite().all():
            raise _refusal(
                "latent: not all of these are finite numbers (NaN, infinite, missing, or too large)"
            )
        blocks = [sampling.draw(self._generator, block) for block in points.split(sampling.BLOCK)]
        return torch.cat(blocks).numpy()


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
