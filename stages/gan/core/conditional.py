"""Generators that are told the class of what they draw."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


class Conditional(nn.Module):
    """A generator whose latent points have the class behind them, as a one-hot row (Mirza & Osindero 2014).

    So any generator can be one: what it takes is longer by as many numbers as there are classes.

    Args:
        network: a generator of latent points of the longer kind.
        counts: of the training samples of each class.

    Attributes:
        latent: numbers in what it takes, those of the class among them.
        counts: the same.
    """

    def __init__(self, network: nn.Module, counts: Sequence[int]) -> None:
        super().__init__()
        about: dict[str, Any] = dict(network.architecture)  # type: ignore[arg-type]
        about |= {"latent": about["latent"] - len(counts), "counts": list(counts)}
        self.architecture = about
        self.latent = network.latent
        self.counts = list(counts)
        self.network = network
        if (masks := getattr(network, "masks", None)) is not None:
            self.masks = masks

    def forward(self, latents: Tensor) -> Tensor:
        """Latent points, with their classes behind them [N, latent], to samples [N, *shape]."""
        samples: Tensor = self.network(latents)
        return samples


def with_classes(points: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Latent points [N, L] with their classes (int64 [N], below ``classes``) behind them [N, L + classes]."""
    return torch.cat([points, one_hot(labels, classes).to(points)], 1)
