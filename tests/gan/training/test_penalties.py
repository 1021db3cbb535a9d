"""The penalties beside their papers' formulas, on a discriminator whose gradient is known."""

import pytest
import torch

from stages.gan.training.penalties import gradient_penalty, lipschitz_penalty

POINTS = torch.tensor([[3.0, 4.0], [0.0, 2.0]])


def squares(points: torch.Tensor) -> torch.Tensor:
    """Its gradient at x is x."""
    return points.square().sum(1, keepdim=True) / 2


def test_r1_is_half_the_mean_squared_norm_of_the_gradient():
    assert gradient_penalty(squares, POINTS).item() == pytest.approx((25 + 4) / 2 / 2)


def test_wgan_gp_asks_for_a_norm_of_1_between_the_samples():
    shares = torch.tensor([[0.5], [0.25]])
    generated = torch.tensor([[-3.0, 4.0], [0.0, -2.0]])  # so the points are (0, 4) and (0, -1)
    found = lipschitz_penalty(squares, POINTS, generated, shares)
    assert found.item() == pytest.approx(((4 - 1) ** 2 + (1 - 1) ** 2) / 2)


def test_a_penalty_is_learned_from_and_is_finite_where_the_gradient_is_0():
    weight = torch.ones((), requires_grad=True)
    for point in (POINTS, torch.zeros(2, 2)):
        penalty = lipschitz_penalty(lambda x: weight * squares(x), point, point, torch.zeros(2, 1))
        (slope,) = torch.autograd.grad(penalty, weight)
        assert slope.isfinite()
