"""Scaling points, whatever their units, to numbers of about 1, from which networks can learn."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Normalization:
    """The mean and the standard deviation of each coordinate of the training points, in the data's units."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @staticmethod
    def of(points: Tensor) -> "Normalization":
        """The mean and the standard deviation of points [N, D]; no coordinate may be constant."""
        points = points.double()
        mean, deviation = points.mean(0).float().tolist(), points.std(0).float().tolist()
        return Normalization(tuple(mean), tuple(deviation))

    def normalize(self, points: Tensor) -> Tensor:
        """Scale points [N, D] from the data's units to mean 0 and standard deviation 1."""
        return (points - torch.tensor(self.mean)) / torch.tensor(self.deviation)

    def denormalize(self, points: Tensor) -> Tensor:
        """The inverse of :meth:`normalize`: points [N, D] back to the data's units."""
        return points * torch.tensor(self.deviation) + torch.tensor(self.mean)

    def last(self) -> "Normalization":
        """The normalization of the last coordinate alone."""
        return Normalization(self.mean[-1:], self.deviation[-1:])


class Rescaled(nn.Module):
    """A generator whose points are in the data's units.

    Args:
        network: a generator of normalized points [N, D].
        normalization: how the training points were normalized.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, normalization: Normalization) -> None:
        super().__init__()
        about = {"mean": list(normalization.mean), "deviation": list(normalization.deviation)}
        self.architecture: dict[str, Any] = {**network.architecture, "units": about}  # type: ignore[dict-item]
        self.latent = network.latent
        self.network = network
        self.register_buffer("mean", torch.tensor(normalization.mean), persistent=False)
        self.register_buffer("deviation", torch.tensor(normalization.deviation), persistent=False)

    def forward(self, latents: Tensor) -> Tensor:
        """Latent points [N, latent] to points [N, D] in the data's units."""
        points: Tensor = self.network(latents)
        return points * self.deviation + self.mean
