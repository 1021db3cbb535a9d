"""The hinge loss."""

from torch import Tensor
from torch.nn.functional import relu


class HingeLoss:
    """The hinge loss (Lim & Ye 2017, Geometric GAN): logits beyond ±1 on the right side cost nothing."""

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Mean of max(0, 1 - logit) over real plus mean of max(0, 1 + logit) over generated samples."""
        return relu(1 - real).mean() + relu(1 + generated).mean()

    def generator(self, generated: Tensor) -> Tensor:
        """Minus the mean logit."""
        return -generated.mean()
