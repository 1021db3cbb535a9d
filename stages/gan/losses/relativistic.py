"""The relativistic pairing loss."""

from torch import Tensor
from torch.nn.functional import softplus


class RelativisticLoss:
    """Relativistic pairing (Jolicoeur-Martineau 2019, RpGAN), with the logistic function, as in R3GAN.

    Only differences of logits count. The discriminator learns to rate the real sample of each pair higher
    than the generated one; the generator learns the opposite. Moving all generated samples to one side of a
    decision boundary gains nothing, so fewer modes are dropped (Huang et al. 2024, section 2.1, equation 2).
    R3GAN adds ``train.r1`` and ``train.r2``.
    """

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of log(1 + exp(D(G(z)) - D(x))) over the pairs, the rows of both; D gives logits [B, 1]."""
        return softplus(generated - real).mean()

    def generator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of log(1 + exp(D(x) - D(G(z)))), likewise."""
        return softplus(real - generated).mean()
