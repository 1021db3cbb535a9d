"""From one sample to another and back: through the latent space, as frames of an animation."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.plots import canvas
from stages.gan.plots.style import GENERATED, REAL
from stages.tools import gallery

SIDE = 224  # pixels of a frame, of images


def path(first: Tensor, second: Tensor, frames: int, classes: int = 0) -> Tensor:
    """Latent points [frames, latent] from ``first`` [latent] to ``second`` and back, slow at both.

    Each is ``first`` cos a + ``second`` sin a, with the angle a from 0 to a quarter turn and back: spherical
    interpolation (White 2016), in the form that it has for orthogonal points. With ``first`` and ``second``
    standard normal, so is each point between them. On the straight line they would be too near to 0: halfway
    they have half the variance, such as the generator has never seen in a latent space of many dimensions.
    The last ``classes`` numbers, which say the class, are ``first`` cos² a + ``second`` sin² a: shares.

    The last frame is followed by the first: a loop has no jump.
    """
    turns = torch.arange(frames, dtype=torch.float64) / frames
    angles = (math.pi / 4) * (1 - (2 * math.pi * turns).cos()).unsqueeze(1)
    powers = torch.ones(len(first), dtype=torch.float64)
    powers[len(first) - classes :] = 2
    return (first.double() * angles.cos() ** powers + second.double() * angles.sin() ** powers).float()


def images(samples: Tensor, like: Split) -> Iterator[NDArray[np.uint8]]:
    """Frames of one image each, of uint8 [N, C, H, W]; enlarged, and shown as ``like`` is."""
    factor = max(1, SIDE // max(samples.shape[2:]))
    for sample in samples:
        yield gallery.enlarged(canvas.pixels(sample, like), factor)


def points(samples: Tensor, others: Tensor) -> Iterator[NDArray[np.uint8]]:
    """Frames of a point that moves along [N, D] among others of the same generator [M, D]."""
    figure = Figure(figsize=(3.4, 3.0), layout="constrained")
    drawing = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    canvas.show(axes, others, Split(torch.cat([others, samples])), GENERATED, "")
    axes.lines[0].set_alpha(0.25)
    axes.plot(*samples[:, :2].T.numpy(), color=REAL, linewidth=1)
    (artist,) = axes.plot([], [], "o", color=REAL, ms=7)
    for sample in samples:
        artist.set_data([sample[0].item()], [sample[1].item()])
        drawing.draw()
        figure.set_layout_engine("none")  # stays as the first one is laid out
        yield np.asarray(drawing.buffer_rgba())[..., :3].copy()
