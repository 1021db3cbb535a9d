"""Binary cross-entropy on logits, the classic loss."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from stages.gan.core.params.types import Probability


class BceLoss:
    """Binary cross-entropy: the label is 1 for real and 0 for generated samples (Goodfellow et al. 2014).

    The generator's loss is the paper's non-saturating form: its samples have the label 1. Sigmoid and
    logarithm are computed together. Computed one after the other, the logarithm would be clamped, and the
    generator's gradient would vanish where D(G(z)) < 1e-12.

    Args:
        label_smoothing: s in [0, 1). In the discriminator's loss, the label of real samples is 1 - s, and
            that of generated ones stays 0: one-sided label smoothing (Salimans et al. 2016, section 3.4).
    """

    def __init__(self, label_smoothing: Probability = 0) -> None:
        self._real = 1 - label_smoothing

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of -log D(x) over real and of -log(1 - D(G(z))) over generated samples (for s = 0).

        Both kinds are averaged together, so this is half the sum of their means.

        Args:
            real: logits of real samples [B, 1].
            generated: logits of generated samples [B, 1].
        """
        labels = torch.zeros_like(real)
        wanted = torch.cat([torch.full_like(real, self._real), labels])
        return binary_cross_entropy_with_logits(torch.cat([real, generated]), wanted)

    def generator(self, generated: Tensor) -> Tensor:
        """Mean of -log D(G(z)), from the logits [B, 1] of generated samples."""
        return binary_cross_entropy_with_logits(generated, torch.ones_like(generated))
