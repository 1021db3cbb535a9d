"""What custom.py comes with."""

import pytest
import torch

from stages.gan.core import params
from stages.gan.core.params import pieces
from stages.gan.training.losses import get_loss
from tests import calls


def test_the_loss_that_custom_py_comes_with_compares_with_the_other_kinds_mean():
    train = params.load(calls.PARAMS).experiments["digits_classic"].train
    loss = get_loss(pieces.find("loss", "relativistic_average"), train)
    real, generated = torch.tensor([[2.0], [0.0]]), torch.tensor([[1.0], [-3.0]])
    first = torch.stack([torch.tensor(-3.0), torch.tensor(-1.0)]).exp().log1p().mean()
    second = torch.stack([torch.tensor(0.0), torch.tensor(-4.0)]).exp().log1p().mean()
    assert loss.discriminator(real, generated).item() == pytest.approx((first + second).item() / 2)
    assert loss.generator(real, generated) == loss.discriminator(generated, real)
