"""Animations from one sample to another and back, through the latent space."""

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

SIDE = 224  # side of a frame that shows an image, in pixels


def path(first: Tensor, second: Tensor, frames: int, classes: int = 0) -> Tensor:
    """Latent points [frames, latent] from ``first`` [latent] to ``second`` and back, slow at both ends.

    Each point is ``first`` cos a + ``second`` sin a, with an angle a from 0 to a quarter turn and back: the
    form of spherical interpolation (White 2016) for orthogonal points. If ``first`` and ``second`` are
    standard normal, each point between them is, too. Points on the straight line would be too near to 0:
    halfway, they have half the variance, and a generator with many latent dimensions has never seen such
    points. The last ``classes`` numbers, one-hot rows of the class, are ``first`` cos² a + ``second`` sin² a,
    so they are shares.

    The first frame continues the last one, so a loop has no jump.
    """
    turns = torch.arange(frames, dtype=torch.float64) / frames
    angles = (math.pi / 4) * (1 - (2 * math.pi * turns).cos()).unsqueeze(1)
    powers = torch.ones(len(first), dtype=torch.float64)
    powers[len(first) - classes :] = 2
    return (first.double() * angles.cos() ** powers + second.double() * angles.sin() ** powers).float()


def images(samples: Tensor, like: Split) -> Iterator[NDArray[np.uint8]]:
    """Yield a frame, uint8 [H, W, …], for each image of uint8 [N, C, H, W], enlarged, shown like ``like``."""
    factor = max(1, SIDE // max(samples.shape[2:]))
    for sample in samples:
        yield gallery.enlarged(canvas.pixels(sample, like), factor)


def points(samples: Tensor, others: Tensor) -> Iterator[NDArray[np.uint8]]:
    """Yield frames of a point that moves through ``samples`` [N, D], among ``others`` [M, D]."""
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
        figure.set_layout_engine("none")  # all frames have the layout of the first
        yield np.asarray(drawing.buffer_rgba())[..., :3].copy()
