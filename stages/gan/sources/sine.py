"""Points on a sine curve: the data of the first GAN."""

import math
from typing import TYPE_CHECKING

from stages.gan.core.params.types import Seed, Several
from stages.gan.core.source import Show, Source

if TYPE_CHECKING:
    from pathlib import Path

    from stages.gan.core.datasets import Dataset, Split


class SineSource(Source):
    """Points (x1, sin x1) with x1 uniform in [0, 2π): ``points`` for training and as many for the test."""

    kind = "points"
    shape = (2,)

    def __init__(self, *, points: Several = 1024, seed: Seed) -> None:
        self.counts = (points, points)
        self._points, self._seed = points, seed

    def load(self, raw: "Path", show: Show = lambda items, _: items) -> "Dataset":
        """Draw the points, with the seed."""
        from stages.gan.core.datasets import Dataset  # heavy: see Source

        return Dataset(self._split("train"), self._split("test"))

    def _split(self, name: str) -> "Split":
        import torch

        from stages.gan.core.datasets import Split
        from stages.gan.core.randomness import generator

        x1 = torch.rand(self._points, generator=generator(self._seed, "sine", name)) * (2 * math.pi)
        return Split(torch.stack([x1, x1.sin()], dim=1))
