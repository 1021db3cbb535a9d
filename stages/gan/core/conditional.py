"""Conditional generators: the class of each sample is a part of their input."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


class Conditional(nn.Module):
    """A generator whose input is a latent point and the class, a one-hot row (Mirza & Osindero 2014).

    It can be any generator for inputs that are longer by the number of classes.

    Args:
        network: a generator whose input [N, latent] includes the one-hot row.
        counts: number of training samples of each class.

    Attributes:
        latent: length of the input, the one-hot row included.
        counts: number of training samples of each class.
        architecture: what builds the network again; ``latent`` in it does not include the one-hot row.
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
        """Latent points followed by one-hot rows [N, latent] to samples [N, *shape]."""
        samples: Tensor = self.network(latents)
        return samples


def with_classes(points: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Append one-hot rows to latent points: [N, L] and labels (int64 [N]) give [N, L + classes].

    ``classes`` is the number of classes; labels are from 0 to ``classes`` - 1.
    """
    return torch.cat([points, one_hot(labels, classes).to(points)], 1)
