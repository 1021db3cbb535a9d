"""A run's picture of the latent points that all runs draw, so that they can be put side by side."""

from pathlib import Path

import torch
from torch import Tensor

from stages.gan import canvas
from stages.gan.datasets import Split
from stages.gan.randomness import generator
from stages.gan.style import GENERATED, REAL

_SEED = 0  # not the run's: the points are the same for all runs with as large a latent space
IMAGES, POINTS = 25, 500


def latents(latent: int, split: Split) -> Tensor:
    """The standard normal latent points [N, latent]: 25 for images, 500 for points such as these."""
    count = IMAGES if len(split.shape) == 3 else POINTS
    return torch.randn(count, latent, generator=generator(_SEED, "grid"))


def save(path: Path, generated: Tensor, split: Split) -> None:
    """Write samples as a PNG: images as a grid, pixel by pixel; points over the real ones. No titles."""
    if generated.dim() == 4:
        canvas.save_pixels(canvas.tile(generated, split), path)
        return
    figure, (axes,) = canvas.panels(1, split, width=2.6)
    axes.plot(*canvas.coordinates(split.samples[: len(generated)]), ".", color=REAL, alpha=0.25, ms=3)
    canvas.show(axes, generated, split, GENERATED, "")
    canvas.save(figure, path)
