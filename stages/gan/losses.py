"""What each network tries to make small, from the discriminator's logits; and a penalty on its gradient."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from stages.gan import declared


class Loss(Protocol):
    """A pair of losses on the discriminator's logits."""

    def discriminator(self, logits: Tensor) -> Tensor:
        """What the discriminator makes small; logits [2B, 1] of B real, then of B generated samples."""

    def generator(self, logits: Tensor) -> Tensor:
        """What the generator makes small; logits [B, 1] of generated samples."""


class BinaryCrossEntropy:
    """The classic loss: real samples are class 1, generated ones class 0 (Goodfellow et al. 2014).

    The generator's half is the paper's non-saturating form: it asks for class 1. Sigmoid and logarithm are
    fused; apart, they clamp, and the generator's gradient vanishes where D(G(z)) < 1e-12.
    """

    def discriminator(self, logits: Tensor) -> Tensor:
        """Mean of -log D(x) over real and of -log(1 - D(G(z))) over generated samples."""
        labels = torch.zeros_like(logits)
        labels[: len(labels) // 2] = 1
        return binary_cross_entropy_with_logits(logits, labels)

    def generator(self, logits: Tensor) -> Tensor:
        """Mean of -log D(G(z))."""
        return binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


class Hinge:
    """The hinge loss (Lim & Ye 2017, Geometric GAN): logits beyond ±1 on the right side cost nothing."""

    def discriminator(self, logits: Tensor) -> Tensor:
        """Mean of max(0, 1 - logit) over real plus that of max(0, 1 + logit) over generated samples."""
        real, generated = logits.chunk(2)
        return relu(1 - real).mean() + relu(1 + generated).mean()

    def generator(self, logits: Tensor) -> Tensor:
        """Minus the mean logit."""
        return -logits.mean()


class Losses(dict[str, Callable[[], Loss]]):
    """The losses by the names they have in ``params.yaml``; what is not in it is looked for in ``own.py``."""

    def __missing__(self, name: str) -> Callable[[], Loss]:
        declaration = declared.find("loss", name)
        made: Callable[[], Loss] = declared.load(declaration)

        def make() -> Loss:
            with declared.blaming(declaration):
                return made()

        return make


LOSSES = Losses(bce=BinaryCrossEntropy, hinge=Hinge)


def gradient_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Half the mean squared norm of the logit's gradient at real samples [N, *shape].

    R1, equation 9 of Mescheder et al. 2018 (Which training methods for GANs do actually converge?), without
    its weight γ: it keeps the discriminator flat around the data, where the generator is to settle.
    """
    samples = real.detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(discriminator(samples).sum(), samples, create_graph=True)
    return slopes.square().flatten(1).sum(1).mean() / 2
