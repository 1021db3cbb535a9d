import torch
from torch import nn

from stages.gan.adam import Adam


def test_the_weights_are_those_of_pytorchs_own_optimizer_to_the_bit():
    networks = [nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 1)) for _ in range(2)]
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
