import torch
from torch import nn

from stages.gan.training.penalties import gradient_penalty


def test_the_gradient_penalty_of_a_linear_discriminator_is_half_its_weights_norm_squared():
    linear = nn.Linear(3, 1)
    expected = linear.weight.square().sum() / 2
    penalty = gradient_penalty(linear, torch.randn(7, 3))
    torch.testing.assert_close(penalty, expected)
    penalty.backward()
    torch.testing.assert_close(linear.weight.grad, linear.weight)
