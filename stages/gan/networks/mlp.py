"""The fully connected generator and discriminator."""

import math
from collections.abc import Sequence
from itertools import zip_longest

import torch
from torch import Tensor, nn

from stages.gan.core.layers import linear_layers
from stages.gan.core.params.types import Probability, Widths


class MlpGenerator(nn.Module):
    """A fully connected generator: latent points [N, latent] to samples [N, *shape].

    ReLU follows each hidden layer. Images go through Tanh at the end, so they are in [-1, 1]; points are the
    output of the last linear layer.

    Args:
        latent: dimensions of the latent space, in which points are standard normal.
        hidden: widths of the hidden layers.
        shape: shape of one sample: (D,) for points, (C, H, W) for images.
        weights: draws the initial weights; if None, they are left to be loaded.
    """

    def __init__(
        self,
        latent: int,
        hidden: Widths,
        shape: Sequence[int],
        weights: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.architecture = {"network": "mlp", "latent": latent, "hidden": list(hidden), "shape": list(shape)}
        self.latent = latent
        self.shape = tuple(shape)
        layers: list[nn.Module] = []
        for layer in linear_layers([latent, *hidden, math.prod(shape)], weights):
            layers += [layer, nn.ReLU(inplace=True)]
        layers[-1] = nn.Tanh() if len(self.shape) == 3 else nn.Identity()
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latent points [N, latent] to samples [N, *shape]."""
        samples: Tensor = self.layers(latents)
        return samples.view(-1, *self.shape)


class MlpDiscriminator(nn.Module):
    """A fully connected discriminator: samples [N, *shape] to one logit each, [N, 1].

    Each hidden layer is followed by dropout and ReLU. Their order does not matter, as masks are not negative;
    in this one, both can work in place. The sigmoid of the logit is D(x), the probability that x is real.

    Args:
        shape: shape of one sample.
        hidden: widths of the hidden layers.
        dropout: share of activations set to zero in training, in [0, 1).
        weights: draws the initial weights; if None, they are left to be loaded.
        masks: draws the dropout masks, on the network's device.
        rows: the rows of a whole batch that the network gets in training, a slice with a start and a step.
            Masks are drawn for the whole batch.
        classes: number of classes that it is conditioned on; 0: none. The input is then the sample followed
            by a one-hot row (Mirza & Osindero 2014).

    Attributes:
        masks: draws the dropout masks.
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: Widths,
        dropout: Probability,
        weights: torch.Generator | None = None,
        masks: torch.Generator | None = None,
        rows: slice = slice(0, None, 1),
        classes: int = 0,
    ) -> None:
        super().__init__()
        self.architecture = {
            "network": "mlp",
            "shape": list(shape),
            "hidden": list(hidden),
            "dropout": dropout,
            **({"classes": classes} if classes else {}),
        }
        self._dropouts = [Dropout(dropout) for _ in hidden]
        self._widths = list(hidden)
        self._rows = rows
        self.masks = masks
        layers: list[nn.Module] = [nn.Flatten()]
        for layer, dropped in zip_longest(
            linear_layers([math.prod(shape) + classes, *hidden, 1], weights), self._dropouts
        ):
            layers += [layer, dropped, nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-2])

    def forward(self, samples: Tensor, classes: Tensor | None = None) -> Tensor:
        """Map samples [N, *shape], and one-hot rows [N, C] of their classes if given, to logits [N, 1]."""
        if classes is not None:
            samples = torch.cat([samples.flatten(1), classes], 1)
        if self.training:
            self._draw_masks(len(samples) * self._rows.step, samples.device)
        logits: Tensor = self.layers(samples)
        return logits

    def _draw_masks(self, rows: int, device: torch.device) -> None:
        """Draw the masks of all layers in one call: in small networks, a call costs more than its work."""
        p = self._dropouts[0].p
        if p > 0:
            sizes = [rows * width for width in self._widths]
            masks = torch.rand(sum(sizes), generator=self.masks, device=device).ge_(p).mul_(1 / (1 - p))
            for dropout, mask in zip(self._dropouts, masks.split(sizes), strict=True):
                dropout.mask = mask.view(rows, -1)
                if self._rows.step > 1:
                    dropout.mask = dropout.mask[self._rows]


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) in place, with a mask that the network draws with its own generator.

    In training, each activation is set to zero with probability ``p``; the others are divided by 1 - p.

    Args:
        p: probability, in [0, 1).
    """

    mask: Tensor  # the next activations are multiplied by it

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop activations of ``x``, which has the mask's shape, in training and if p > 0."""
        return x.mul_(self.mask) if self.training and self.p > 0 else x
