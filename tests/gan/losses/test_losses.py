"""Each loss beside its paper's formula."""

import math

import pytest
import torch
from torch import nn

from stages.gan.losses.bce import BceLoss
from stages.gan.losses.hinge import HingeLoss
from stages.gan.losses.least_squares import LeastSquaresLoss
from stages.gan.losses.relativistic import RelativisticLoss
from stages.gan.losses.wasserstein import WassersteinLoss

REAL, FAKE = torch.tensor([[2.0], [0.5]]), torch.tensor([[-3.0], [0.25]])


def test_the_losses_are_those_of_sigmoid_and_bceloss():
    real, fake = torch.randn(32, 1), torch.randn(32, 1)
    loss, bce = BceLoss(), nn.BCELoss()
    outputs = torch.cat([real, fake]).sigmoid()
    labels = torch.cat([torch.ones(32, 1), torch.zeros(32, 1)])
    assert loss.discriminator(real, fake) == pytest.approx(bce(outputs, labels).item(), rel=1e-5)
    assert loss.generator(fake) == pytest.approx(bce(fake.sigmoid(), torch.ones(32, 1)).item(), rel=1e-5)


def test_label_smoothing_is_on_the_real_side_only():
    real, fake = REAL.sigmoid(), FAKE.sigmoid()
    wanted = -(0.9 * real.log() + 0.1 * (1 - real).log()).mean() - (1 - fake).log().mean()
    found = BceLoss(label_smoothing=0.1).discriminator(REAL, FAKE)
    assert found.item() == pytest.approx(wanted.item() / 2)
    squares = LeastSquaresLoss(label_smoothing=0.1).discriminator(REAL, FAKE)
    assert squares.item() == pytest.approx(((1.1**2 + 0.4**2) / 2 + (9 + 0.25**2) / 2) / 2)


def test_the_generator_still_learns_where_bceloss_clamps():
    logits = torch.full((1, 1), -120.0, requires_grad=True)
    BceLoss().generator(logits).backward()
    assert logits.grad.item() == pytest.approx(-1)
    trapped = torch.full((1, 1), -120.0, requires_grad=True)
    nn.BCELoss()(trapped.sigmoid(), torch.ones(1, 1)).backward()
    assert trapped.grad.item() == 0


def test_the_hinge_loss_costs_nothing_beyond_the_margin():
    loss = HingeLoss()
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx((0 + 0.5) / 2 + (0 + 1.25) / 2)
    assert loss.generator(FAKE).item() == pytest.approx((3 - 0.25) / 2)


def test_least_squares_go_from_the_logits_to_1_and_0():
    loss = LeastSquaresLoss()
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(((1 + 0.25) / 2 + (9 + 0.0625) / 2) / 2)
    assert loss.generator(FAKE).item() == pytest.approx((16 + 0.5625) / 2 / 2)


def test_the_wasserstein_loss_compares_means():
    loss = WassersteinLoss()
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(-1.375 - 1.25)
    assert loss.generator(FAKE).item() == pytest.approx(1.375)


def test_relativistic_pairing_is_of_differences_row_by_row():
    loss = RelativisticLoss()
    wanted = (math.log(1 + math.exp(-5)) + math.log(1 + math.exp(-0.25))) / 2
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(wanted)
    wanted = (math.log(1 + math.exp(5)) + math.log(1 + math.exp(0.25))) / 2
    assert loss.generator(REAL, FAKE).item() == pytest.approx(wanted)
    assert loss.generator(REAL + 7, FAKE + 7).item() == pytest.approx(wanted)  # a logit alone says nothing
