"""Large matrix products that have the same bytes on every CPU."""

import pytest
import torch
from torch import Tensor

from stages.gan.core import products

SHAPES = [(64, 784, 1024), (32, 1024, 784), (67, 333, 517)]


@pytest.fixture(autouse=True)
def _limited(monkeypatch) -> None:
    """Also where they cannot be; the bytes are looked at in tests/integration/test_portability.py."""
    monkeypatch.setattr(products, "_is_limited", lambda: True)


def tensors(rows: int, inputs: int, outputs: int) -> tuple[Tensor, Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(1)
    shapes = ((rows, inputs), (outputs, inputs), (outputs,))
    x, weight, bias = (torch.randn(shape, generator=drawn, requires_grad=True) for shape in shapes)
    return x, weight, bias


@pytest.mark.parametrize("shape", SHAPES)
def test_a_product_and_its_gradients_are_those_of_pytorch(shape):
    given = tensors(*shape)
    slope = torch.randn(shape[0], shape[2], generator=torch.Generator().manual_seed(2))
    made = products.linear(*given)
    found = torch.autograd.grad(made, given, slope)
    exact = [tensor.double() for tensor in given]
    expected = torch.nn.functional.linear(*exact)
    wanted = torch.autograd.grad(expected, exact, slope.double())
    for ours, theirs in zip((made, *found), (expected, *wanted), strict=True):
        assert torch.allclose(ours.double(), theirs, rtol=1e-4, atol=1e-3)


def test_gradients_of_gradients_are_right_too():
    x, weight, bias = tensors(64, 256, 300)

    def penalty(x: Tensor, weight: Tensor, bias: Tensor, linear) -> Tensor:
        hidden = linear(x, weight, bias).tanh()
        (slope,) = torch.autograd.grad(hidden.sum(), x, create_graph=True)
        return slope.square().sum()

    found = torch.autograd.grad(penalty(x, weight, bias, products.linear), (x, weight, bias))
    exact = [tensor.detach().double().requires_grad_() for tensor in (x, weight, bias)]
    wanted = torch.autograd.grad(penalty(*exact, torch.nn.functional.linear), exact)
    for ours, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(ours.double(), theirs, rtol=1e-3, atol=1e-2 * float(theirs.abs().max()))


@pytest.mark.parametrize("transposed", [False, True])
def test_any_layout_in_memory_gives_the_same_bits(transposed):
    x, weight, bias = (tensor.detach() for tensor in tensors(64, 300, 600))
    spread = torch.zeros(600, 900)[:, ::3] if not transposed else torch.zeros(900, 600)[::3].t()
    spread.copy_(weight)
    assert torch.equal(products.linear(x, spread, bias), products.linear(x, weight, bias))
    assert torch.equal(
        products.linear(x.t().contiguous().t(), spread, bias), products.linear(x, weight, bias)
    )


def test_small_ones_and_other_types_are_left_to_pytorch():
    x, weight, bias = tensors(4, 8, 2)
    assert torch.equal(products.linear(x, weight, bias), torch.nn.functional.linear(x, weight, bias))
    x, weight, bias = (tensor.double() for tensor in tensors(64, 784, 1024))
    assert torch.equal(products.linear(x, weight, bias), torch.nn.functional.linear(x, weight, bias))
