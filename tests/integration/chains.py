"""Prints whether large products are chains of fused multiply-adds, in order; in a process of its own."""

import sys

import numpy as np
import torch
from torch import Tensor

from stages.gan.core import products

SHAPES = [(64, 784, 1024), (32, 1024, 784), (32, 256, 512), (67, 333, 517)]


def chain(a: Tensor, b: Tensor) -> Tensor:
    """a [N, K] times b [M, K], transposed: the products are exact, each sum is rounded to float32."""
    rows, columns = a.double().numpy(), b.double().numpy()
    total = np.zeros((len(rows), len(columns)), np.float32)
    for k in range(rows.shape[1]):
        total = (total + rows[:, k, None] * columns[None, :, k]).astype(np.float32)
    return torch.from_numpy(total)


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    drawn = torch.Generator().manual_seed(1)
    for rows, inputs, outputs in SHAPES:
        x = torch.rand(rows, inputs, generator=drawn, requires_grad=True)
        weight = torch.rand(outputs, inputs, generator=drawn, requires_grad=True)
        bias = torch.rand(outputs, generator=drawn)
        slope = torch.rand(rows, outputs, generator=drawn)
        made = products.linear(x, weight, bias)
        made.backward(slope)
        x_known, weight_known = x.detach(), weight.detach()
        print(
            torch.equal(made, chain(x_known, weight_known) + bias),
            torch.equal(x.grad, chain(slope, weight_known.t())),
            torch.equal(weight.grad, chain(slope.t(), x_known.t())),
        )


if __name__ == "__main__":
    main()
