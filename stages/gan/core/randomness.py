"""Where randomness comes from: one generator for each use, none from PyTorch's global one."""

import hashlib

import torch
from torch import Tensor


def generator(seed: int, *use: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """A random generator that depends on ``seed`` and the name of its ``use`` alone.

    Two uses never share a stream, so adding a use, or drawing more in one, changes no other. Drawing on
    the CPU (the default) gives every device the same numbers.

    Args:
        seed: the run's seed.
        use: what it is for, such as ``("latent", epoch)``; its parts are joined by slashes.
        device: where its tensors will be drawn.
    """
    name = "/".join(map(str, (seed, *use)))
    digest = hashlib.sha256(name.encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class RandomRows:
    """Random numbers for the rows of a batch, one generator for all of them.

    Of several processes that train together each has some rows: numbers are drawn for the whole batch, so
    that it sees the same whoever computes it.

    Args:
        generator: draws them, on the device that they are for.
        rows: of a whole batch, those that come here: every n-th, from one on.

    Attributes:
        generator: the same; its state is part of the training's.
    """

    def __init__(self, generator: torch.Generator, rows: slice = slice(0, None, 1)) -> None:
        self.generator = generator
        self._rows = rows

    def uniform(self, count: int, *shape: int) -> Tensor:
        """Numbers uniform in [0, 1): [count, *shape]."""
        whole = (count * self._rows.step, *shape)
        return self._own(torch.rand(whole, generator=self.generator, device=self.generator.device))

    def normal(self, count: int, *shape: int) -> Tensor:
        """Standard normal numbers: [count, *shape]."""
        whole = (count * self._rows.step, *shape)
        return self._own(torch.randn(whole, generator=self.generator, device=self.generator.device))

    def _own(self, drawn: Tensor) -> Tensor:
        return drawn[self._rows] if self._rows.step > 1 else drawn
