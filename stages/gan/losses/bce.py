"""Binary cross entropy on logits, the classic loss."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


class BceLoss:
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
