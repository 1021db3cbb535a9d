"""Binary cross entropy on logits, the classic loss."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from stages.gan.core.params.types import Probability


class BceLoss:
    """The classic loss: real samples are class 1, generated ones class 0 (Goodfellow et al. 2014).

    The generator's half is the paper's non-saturating form: it asks for class 1. Sigmoid and logarithm are
    fused; apart, they clamp, and the generator's gradient vanishes where D(G(z)) < 1e-12.

    Args:
        label_smoothing: s in [0, 1): the discriminator is asked for 1 - s of real samples, and still for 0 of
            generated ones: one-sided label smoothing (Salimans et al. 2016, section 3.4).
    """

    def __init__(self, label_smoothing: Probability = 0) -> None:
        self._real = 1 - label_smoothing

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of -log D(x) over real and of -log(1 - D(G(z))) over generated samples."""
        labels = torch.zeros_like(real)
        wanted = torch.cat([torch.full_like(real, self._real), labels])
        return binary_cross_entropy_with_logits(torch.cat([real, generated]), wanted)

    def generator(self, generated: Tensor) -> Tensor:
        """Mean of -log D(G(z))."""
        return binary_cross_entropy_with_logits(generated, torch.ones_like(generated))
