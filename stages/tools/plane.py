"""Pictures of a latent space of two dimensions: a grid in it, and the samples of the grid's points."""

import math
from pathlib import Path

import numpy as np
import torch
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from stages.gan.plots import image_files


def latents(side: int) -> Tensor:
    """A grid of latent points [side², 2], row by row, from the highest z2 down.

    Each point stands for an equal share of the standard normal distribution: the coordinates are its
    quantiles at the middles of ``side`` equal parts of [0, 1]. So the points are as dense as random ones.
    """
    middles = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    quantiles = torch.special.ndtri(middles)
    z2, z1 = torch.meshgrid(quantiles.flip(0), quantiles, indexing="ij")
    return torch.stack([z1, z2], dim=2).view(-1, 2).float()


def save(path: Path, points: Tensor, side: int) -> None:
    """Write a PNG of the latent grid and, beside it, its samples, points [side², D], in the same colours."""
    grid = latents(side)
    colors = _colors(grid)
    figure = Figure(figsize=(8.6, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, where in ((left, grid), (right, points[:, :2])):
        lines = where.view(side, side, 2).numpy()
        for line in (*lines, *lines.transpose(1, 0, 2)):
            axes.plot(line[:, 0], line[:, 1], color="#999999", linewidth=0.4, alpha=0.5, zorder=1)
        axes.scatter(*where.T.numpy(), c=colors, s=9, zorder=2)
    left.set(xlabel="z1", ylabel="z2", title=f"{side}² equally likely latent points")
    right.set(xlabel="x1", ylabel="x2", title="their samples")
    image_files.save(figure, path)


def _colors(grid: Tensor) -> NDArray[np.float64]:
    """A colour [N, 3] for each latent point [N, 2]: the hue shows its direction from 0, and 0 is white."""
    z = grid.double().numpy()
    hue = (np.arctan2(z[:, 1], z[:, 0]) / (2 * math.pi)) % 1
    radius = np.hypot(z[:, 0], z[:, 1])
    share = 1 - np.exp(-(radius**2) / 2)  # share of latent points that are nearer to 0
    return hsv_to_rgb(np.stack([hue, 0.25 + 0.75 * share, 0.9 - 0.15 * share], axis=1))
