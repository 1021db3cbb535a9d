"""What custom.py comes with."""

import pytest
import torch

from stages.gan.core.params import pieces
from stages.gan.training.losses import get_loss


def test_the_loss_that_custom_py_comes_with_is_least_squares():
    loss = get_loss(pieces.find("loss", "least_squares"))
    logits = torch.tensor([[3.0], [1.0], [0.0], [2.0]])
    assert loss.discriminator(logits).item() == pytest.approx((4 + 0) / 2 / 2 + (0 + 4) / 2 / 2)
    assert loss.generator(torch.tensor([[0.0], [3.0]])).item() == pytest.approx((1 + 4) / 2 / 2)
