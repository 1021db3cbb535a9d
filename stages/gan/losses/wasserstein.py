"""The Wasserstein loss."""

from torch import Tensor


class WassersteinLoss:
    """The Wasserstein loss (Arjovsky et al. 2017): the discriminator is a critic, and its means are compared.

    The critic must be about 1-Lipschitz. So combine the loss with ``train.gp`` (Gulrajani et al. 2017: 10,
    with ``d_steps: 5``) or with spectral normalisation.
    """

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean logit of generated samples minus mean logit of real ones."""
        return generated.mean() - real.mean()

    def generator(self, generated: Tensor) -> Tensor:
        """Minus the mean logit."""
        return -generated.mean()
