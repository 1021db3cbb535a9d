"""Penalties on the discriminator's gradient, which are added to its loss."""

from collections.abc import Callable

import torch
from torch import Tensor

_LEAST = 1e-12  # squared norms below it are clamped: at 0, the root's derivative is infinite


def gradient_penalty(discriminator: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    """Half the mean squared norm of the logit's gradient at samples, a scalar.

    At real samples this is R1, at generated ones R2: equation 9 of Mescheder et al. 2018 (Which training
    methods for GANs do actually converge?), without its weight γ. R1 keeps the discriminator flat around the
    data, so that the generator can settle there.

    Args:
        discriminator: maps samples to logits [N, 1].
        samples: [N, *shape].
    """
    return _slopes(discriminator, samples).square().sum(1).mean() / 2


def lipschitz_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, generated: Tensor, shares: Tensor
) -> Tensor:
    """Mean of (norm of the logit's gradient - 1)² at points between real and generated samples, a scalar.

    The penalty of WGAN-GP: equation 3 of Gulrajani et al. 2017, without its weight λ.

    Args:
        discriminator: maps samples to logits [N, 1].
        real: real samples [N, *shape].
        generated: generated samples [N, *shape].
        shares: share of the real sample in each point, uniform in [0, 1): [N, 1, …].
    """
    slopes = _slopes(discriminator, shares * real + (1 - shares) * generated)
    return (slopes.square().sum(1).clamp(min=_LEAST).sqrt() - 1).square().mean()


def _slopes(discriminator: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    """The logit's gradient at each sample [N, numbers in a sample]; it can be differentiated again."""
    samples = samples.detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(discriminator(samples).sum(), samples, create_graph=True)
    return slopes.flatten(1)
