"""A run's picture of the latent points that all runs draw, so that runs can be compared side by side."""

from pathlib import Path

from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import canvas, image_files
from stages.gan.plots.style import GENERATED


def save(path: Path, generated: Tensor, split: Split) -> None:
    """Write samples as a PNG without a title: images as a grid, pixel by pixel; points over real ones."""
    if generated.dim() == 4:
        image_files.save_pixels(canvas.tile(generated, split), path)
        return
    figure, (axes,) = canvas.panels(1, split, width=2.6)
    canvas.show_behind(axes, split)
    canvas.show(axes, generated, split, GENERATED, "")
    image_files.save(figure, path)
