"""Matrix products that have the same bytes on every CPU, and are fast.

Of MKL's kernels only its slowest have the same bytes on the CPUs of all makers (``portability``). oneDNN's
for AVX2 do, too: each number is one chain of fused multiply-adds, in the order of the inner dimension (in
pieces where that is larger than 1024). They are two to three times as fast, but each call costs more: so they
make large products only.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.gan.core import portability

LARGE = 2**22  # multiplications from which oneDNN is the faster


class Linear(nn.Linear):
    """PyTorch's layer; where the libraries are limited, large products are oneDNN's."""

    def forward(self, x: Tensor) -> Tensor:
        """Rows [N, inputs] to rows [N, outputs]."""
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """X weightᵀ + bias [N, M], of x [N, K], weight [M, K] and bias [M], or none."""
    large = x.dim() == 2 and len(x) * weight.numel() >= LARGE
    if large and x.device.type == "cpu" and x.dtype == torch.float32 and _is_limited():
        made: Tensor = _Linear.apply(x, weight, bias)
        return made
    return functional.linear(x, weight, bias)


class _Linear(torch.autograd.Function):
    """The same by oneDNN; the gradients are such products, too."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, c: Tensor | None) -> Tensor:
        """Compute the product."""
        ctx.save_for_backward(a, b)
        if not (b.is_contiguous() or b.t().is_contiguous()):  # oneDNN copies any other layout slowly
            b = b.contiguous()
        made: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, c, "none", [], "")
        return made

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """Compute the gradients of those that need one."""
        a, b = ctx.saved_tensors
        of_a, of_b, of_c = ctx.needs_input_grad
        return (
            _Linear.apply(slope, b.t(), None) if of_a else None,
            _Linear.apply(slope.t(), a.t(), None) if of_b else None,
            slope.sum(0) if of_c else None,
        )


@cache  # as the libraries, which look at the environment once
def _is_limited() -> bool:
    return portability.is_limited()
