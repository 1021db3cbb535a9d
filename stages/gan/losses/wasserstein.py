"""The Wasserstein loss."""

from torch import Tensor


class WassersteinLoss:
    """The Wasserstein loss (Arjovsky et al. 2017): the discriminator is a critic, whose means are compared.

    It needs a critic that is about 1-Lipschitz: with it go ``train.gp`` (Gulrajani et al. 2017: 10, and
    ``d_steps: 5``) or spectral normalisation.
    """

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean logit of generated samples minus that of real ones."""
        return generated.mean() - real.mean()

    def generator(self, generated: Tensor) -> Tensor:
        """Minus the mean logit."""
        return -generated.mean()
