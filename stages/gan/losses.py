"""What each network tries to make small, from the discriminator's logits."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


class BinaryCrossEntropy:
    """The classic loss: real samples are class 1, generated ones class 0 (Goodfellow et al. 2014).

    The generator's half is the paper's non-saturating form: it asks for class 1. Sigmoid and logarithm are
    fused; apart, they clamp, and the generator's gradient vanishes where D(G(z)) < 1e-12.
    """

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of -log D(x) over real and -log(1 - D(G(z))) over generated samples; logits [N, 1] each."""
        logits = torch.cat([real, generated])
        labels = torch.cat([torch.ones_like(real), torch.zeros_like(generated)])
        return binary_cross_entropy_with_logits(logits, labels)

    def generator(self, generated: Tensor) -> Tensor:
        """Mean of -log D(G(z)); logits [N, 1]."""
        return binary_cross_entropy_with_logits(generated, torch.ones_like(generated))


LOSSES = {"bce": BinaryCrossEntropy}
