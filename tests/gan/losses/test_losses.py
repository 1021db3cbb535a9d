import pytest
import torch
from torch import nn

from stages.gan.losses.bce import BceLoss
from stages.gan.losses.hinge import HingeLoss


def test_the_losses_are_those_of_sigmoid_and_bceloss():
    real, fake = torch.randn(32, 1), torch.randn(32, 1)
    loss, bce = BceLoss(), nn.BCELoss()
    outputs = torch.cat([real, fake]).sigmoid()
    labels = torch.cat([torch.ones(32, 1), torch.zeros(32, 1)])
    found = loss.discriminator(torch.cat([real, fake]))
    assert found == pytest.approx(bce(outputs, labels).item(), rel=1e-5)
    assert loss.generator(fake) == pytest.approx(bce(fake.sigmoid(), torch.ones(32, 1)).item(), rel=1e-5)


def test_the_generator_still_learns_where_bceloss_clamps():
    logits = torch.full((1, 1), -120.0, requires_grad=True)
    BceLoss().generator(logits).backward()
    assert logits.grad.item() == pytest.approx(-1)
    trapped = torch.full((1, 1), -120.0, requires_grad=True)
    nn.BCELoss()(trapped.sigmoid(), torch.ones(1, 1)).backward()
    assert trapped.grad.item() == 0


def test_the_hinge_loss_costs_nothing_beyond_the_margin():
    real, fake = torch.tensor([[2.0], [0.5]]), torch.tensor([[-3.0], [0.25]])
    loss = HingeLoss()
    assert loss.discriminator(torch.cat([real, fake])).item() == pytest.approx((0 + 0.5) / 2 + (0 + 1.25) / 2)
    assert loss.generator(fake).item() == pytest.approx((3 - 0.25) / 2)
