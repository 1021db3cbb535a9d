"""Random numbers: one generator for each use; nothing draws from PyTorch's global generator."""

import hashlib

import torch
from torch import Tensor


def generator(seed: int, *use: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """A random generator that depends only on ``seed`` and on the name of its ``use``.

    Two uses never share a stream, so adding a use, or drawing more numbers for one, does not change the
    others. Drawing on the CPU (the default) gives every device the same numbers.

    Args:
        seed: the run's seed.
        use: what the numbers are for, such as ``("latent", epoch)``; its parts are joined by slashes.
        device: the device to draw on.
    """
    name = "/".join(map(str, (seed, *use)))
    digest = hashlib.sha256(name.encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class RandomRows:
    """Random numbers for the rows of a batch, all drawn from one generator.

    When several processes train together, each computes some rows of every batch. Each process draws the
    numbers of the whole batch and keeps those of its own rows. So a row gets the same numbers, whichever
    process computes it.

    Args:
        generator: draws the numbers, on the device where they are needed.
        rows: which rows of the whole batch this process computes: every n-th row, from a first one on.

    Attributes:
        generator: see above; its state is part of a training's state.
    """

    def __init__(self, generator: torch.Generator, rows: slice = slice(0, None, 1)) -> None:
        self.generator = generator
        self._rows = rows

    def uniform(self, count: int, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1) for ``count`` rows of this process: [count, *shape]."""
        whole = (count * self._rows.step, *shape)
        return self._own(torch.rand(whole, generator=self.generator, device=self.generator.device))

    def normal(self, count: int, *shape: int) -> Tensor:
        """Standard normal numbers for ``count`` rows of this process: [count, *shape]."""
        whole = (count * self._rows.step, *shape)
        return self._own(torch.randn(whole, generator=self.generator, device=self.generator.device))

    def _own(self, drawn: Tensor) -> Tensor:
        return drawn[self._rows] if self._rows.step > 1 else drawn
