"""A run's picture of the latent points that all runs draw, so that they can be put side by side."""

from pathlib import Path

from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import canvas
from stages.gan.plots.style import GENERATED, REAL


def save(path: Path, generated: Tensor, split: Split) -> None:
    """Write samples as a PNG: images as a grid, pixel by pixel; points over the real ones. No titles."""
    if generated.dim() == 4:
        canvas.save_pixels(canvas.tile(generated, split), path)
        return
    figure, (axes,) = canvas.panels(1, split, width=2.6)
    axes.plot(*canvas.coordinates(split.samples[: len(generated)]), ".", color=REAL, alpha=0.25, ms=3)
    canvas.show(axes, generated, split, GENERATED, "")
    canvas.save(figure, path)
