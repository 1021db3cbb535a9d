"""The relativistic pairing loss."""

from torch import Tensor
from torch.nn.functional import softplus


class RelativisticLoss:
    """Relativistic pairing (Jolicoeur-Martineau 2019, RpGAN), with the logistic function, as in R3GAN.

    A logit says nothing by itself: the discriminator is to find the real sample of each pair more real than
    the generated one, and the generator the other way round. As nothing is gained by pulling all samples to
    one side of a boundary, modes are dropped less (Huang et al. 2024, section 2.1, equation 2). R3GAN adds
    ``train.r1`` and ``train.r2``.
    """

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of log(1 + exp(D(G(z)) - D(x))) over the pairs, row by row."""
        return softplus(generated - real).mean()

    def generator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of log(1 + exp(D(x) - D(G(z))))."""
        return softplus(real - generated).mean()
