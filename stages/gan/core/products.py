"""Matrix products that have the same bytes on every CPU, computed by the faster of two libraries.

Of MKL's kernels, only the slowest give the same bytes on CPUs of all makers (``portability``). oneDNN's
kernels for AVX2 do so, too: each number is a chain of fused multiply-adds, in the order of the inner
dimension (in pieces if that is larger than 1024). They are two to three times as fast, but each call costs
more. So oneDNN computes only the large products.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.gan.core import portability

LARGE = 2**22  # with at least this many multiplications, oneDNN is faster


class Linear(nn.Linear):
    """PyTorch's linear layer; where the libraries are limited, oneDNN computes the large products."""

    def forward(self, x: Tensor) -> Tensor:
        """Rows [N, inputs] to rows [N, outputs]."""
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``x @ weight.T + bias``, [N, M], for ``x`` [N, K], ``weight`` [M, K] and ``bias`` [M] or None."""
    large = x.dim() == 2 and len(x) * weight.numel() >= LARGE
    if large and x.device.type == "cpu" and x.dtype == torch.float32 and _is_limited():
        made: Tensor = _Linear.apply(x, weight, bias)
        return made
    return functional.linear(x, weight, bias)


class _Linear(torch.autograd.Function):
    """The same product and its gradients, computed by oneDNN."""

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
        """Compute the gradients of the arguments that need one."""
        a, b = ctx.saved_tensors
        of_a, of_b, of_c = ctx.needs_input_grad
        return (
            _Linear.apply(slope, b.t(), None) if of_a else None,
            _Linear.apply(slope.t(), a.t(), None) if of_b else None,
            slope.sum(0) if of_c else None,
        )


@cache  # the libraries, too, read the environment only once
def _is_limited() -> bool:
    return portability.is_limited()
