"""The least squares loss."""

from torch import Tensor

from stages.gan.core.params.types import Probability


class LeastSquaresLoss:
    """Least squares (Mao et al. 2017, LSGAN, equation 9): the target is 1 for real, 0 for generated samples.

    Args:
        label_smoothing: s in [0, 1): in the discriminator's loss, the target for real samples is 1 - s.
    """

    def __init__(self, label_smoothing: Probability = 0) -> None:
        self._real = 1 - label_smoothing

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Half the mean of (logit - 1 + s)² over real plus half the mean of logit² over generated samples."""
        return (real - self._real).square().mean() / 2 + generated.square().mean() / 2

    def generator(self, generated: Tensor) -> Tensor:
        """Half the mean of (logit - 1)²."""
        return (generated - 1).square().mean() / 2
