import pytest
import torch
from torch import nn

from stages.gan.core.adam import Adam

SHAPES = {
    "linear": lambda: (nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 1)),
    "convolutions": lambda: (
        nn.Unflatten(1, (5, 1, 1)),
        nn.ConvTranspose2d(5, 6, 4),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3),
        nn.Flatten(),
        nn.Linear(16, 1),
    ),
}


@pytest.mark.parametrize("layers", SHAPES)
def test_the_weights_are_those_of_pytorchs_own_optimizer_to_the_bit(layers):
    networks = [nn.Sequential(*SHAPES[layers]()) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    start = [parameter.clone() for parameter in networks[0].parameters()]
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    ours = Adam(networks[0].parameters(), (0.5, 0.99))
    theirs = torch.optim.Adam(networks[1].parameters(), betas=(0.5, 0.99), fused=True)
    for number in range(10):
        lr = 0.01 / (number + 1)
        ours.step(networks[0](x).square().mean(), lr)
        theirs.param_groups[0]["lr"] = lr
        theirs.zero_grad()
        networks[1](x).square().mean().backward()
        theirs.step()
    parameters = (network.parameters() for network in networks)
    for a, b, before in zip(*parameters, start, strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, before)


def test_a_gradient_that_lies_otherwise_in_memory_than_its_weights_meets_the_right_ones():
    weights = nn.Parameter(torch.zeros(3, 2))
    slopes = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    (gradient,) = torch.autograd.grad((weights.t() * slopes.t().contiguous()).sum(), weights)
    assert not gradient.is_contiguous()
    Adam([weights], (0.9, 0.999)).step((weights.t() * slopes.t().contiguous()).sum(), lr=0.5)
    torch.testing.assert_close(weights.detach(), -0.5 * slopes)


@pytest.mark.parametrize("most", [0.01, 1e6])
def test_long_gradients_are_clipped_as_pytorch_does_it(most):
    # In float64: Adam divides by a gradient's size, so one that is nearly zero shows each CPU's rounding.
    networks = [nn.Sequential(*SHAPES["convolutions"]()).double() for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = Adam(networks[0].parameters(), (0.5, 0.99), clip_norm=most)
    theirs = torch.optim.Adam(networks[1].parameters(), betas=(0.5, 0.99), lr=0.01)
    for _ in range(5):
        ours.step(networks[0](x).square().mean(), 0.01)
        theirs.zero_grad()
        networks[1](x).square().mean().backward()
        nn.utils.clip_grad_norm_(networks[1].parameters(), most)
        theirs.step()
    for a, b in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
