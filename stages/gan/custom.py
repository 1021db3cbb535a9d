"""Your own networks, losses and data sources: params.yaml finds them by name (docs/custom-code.md).

Use and change the ones below. params.yaml does not find names that begin with _.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class _Residual(nn.Module):
    """A residual block (He et al. 2016): adds the output of two layers to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[N, width] to [N, width]."""
        return torch.add(x, self.layers(x))


def resmlp_generator(latent: int, shape: tuple[int, ...], width: int = 128, blocks: int = 2) -> nn.Module:
    """Latent points [N, latent] to samples [N, *shape]: images in [-1, 1], or points."""
    return nn.Sequential(
        nn.Linear(latent, width),
        *(_Residual(width) for _ in range(blocks)),
        nn.Linear(width, math.prod(shape)),
        nn.Tanh() if len(shape) == 3 else nn.Identity(),
        nn.Unflatten(1, shape),
    )


def resmlp_discriminator(
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


class RelativisticAverageLoss:
    """Relativistic average loss (Jolicoeur-Martineau 2019): is a sample more real than others on average?"""

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Logits of real and of generated samples, [B, 1] each."""
        return (softplus(generated.mean() - real).mean() + softplus(generated - real.mean()).mean()) / 2

    def generator(self, real: Tensor, generated: Tensor) -> Tensor:
        """The same logits; a loss that does not need those of real samples takes only ``generated``."""
        return self.discriminator(generated, real)
