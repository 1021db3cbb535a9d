"""Penalties on the discriminator beside its loss."""

import torch
from torch import Tensor, nn


def gradient_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """Half the mean squared norm of the logit's gradient at real samples [N, *shape].

    R1, equation 9 of Mescheder et al. 2018 (Which training methods for GANs do actually converge?), without
    its weight γ: it keeps the discriminator flat around the data, where the generator is to settle.
    """
    samples = real.detach().requires_grad_(True)
    (slopes,) = torch.autograd.grad(discriminator(samples).sum(), samples, create_graph=True)
    return slopes.square().flatten(1).sum(1).mean() / 2
