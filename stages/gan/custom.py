"""Your own networks, losses and data sources: params.yaml finds them by name; docs/custom-code.md says how.

Those below are for use, and to be changed. A name with _ in front is nothing that params.yaml knows.
"""

import math

import torch
from torch import Tensor, nn


class _Residual(nn.Module):
    """Adds to its input what two layers make of it (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[N, width] to the same."""
        return torch.add(x, self.layers(x))


def residual_generator(latent: int, shape: tuple[int, ...], width: int = 128, blocks: int = 2) -> nn.Module:
    """Latent points [N, latent] to samples [N, *shape]: images in [-1, 1], or points."""
    return nn.Sequential(
        nn.Linear(latent, width),
        *(_Residual(width) for _ in range(blocks)),
        nn.Linear(width, math.prod(shape)),
        nn.Tanh() if len(shape) == 3 else nn.Identity(),
        nn.Unflatten(1, shape),
    )


def residual_discriminator(
    shape: tuple[int, ...], width: int = 128, blocks: int = 2, dropout: float = 0.3
) -> nn.Module:
    """Samples [N, *shape] to logits [N, 1]."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), width),
        *(_Residual(width) for _ in range(blocks)),
        nn.Dropout(dropout),
        nn.Linear(width, 1),
    )


class LeastSquaresLoss:
    """Least squares (Mao et al. 2017): a logit is to be 1 for real samples, and 0 for generated ones."""

    def discriminator(self, logits: Tensor) -> Tensor:
        """Of B real, then of B generated samples: [2B, 1]."""
        real, generated = logits.chunk(2)
        return ((real - 1) ** 2).mean() / 2 + (generated**2).mean() / 2

    def generator(self, logits: Tensor) -> Tensor:
        """Of generated samples: [B, 1]."""
        return ((logits - 1) ** 2).mean() / 2
