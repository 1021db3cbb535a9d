"""What a user may have in custom.py."""

GOOD = """
from typing import Literal

SCALE = 2

def helper(x):
    return x * SCALE

def tiny_generator(latent: int, shape, width: int = 4, slope: float = 0.1, *, kinds: list[int] | None = None,
                   mode: Literal["a", "b"] = "a"):
    return helper(1)

class DeepConvDiscriminator:
    def __init__(self, shape, widths: list[int], bias: bool = True):
        pass

class LSGANLoss:
    def discriminator(self, logits): ...
    def generator(self, logits): ...

class _HiddenLoss: ...
"""
SPIRAL = """
import torch

from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.source import Source

class SpiralSource(Source):
    kind = "points"

    def __init__(self, *, points: int, seed: int):
        self.shape, self.counts = (2,), (points, points // 2)
        self.seed = seed

    def load(self, raw, show=lambda items, _: items):
        noise = torch.Generator().manual_seed(self.seed)
        turns = torch.rand(sum(self.counts), 1, generator=noise) * 6
        points = turns * torch.cat([turns.cos(), turns.sin()], 1)
        return Dataset(*(Split(part.clone()) for part in points.split(self.counts)))
"""
