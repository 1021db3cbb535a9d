"""Matrix products in double precision, fast and the same on every CPU: NumPy's, by one thread."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor


def products(x: Tensor, y: Tensor) -> Tensor:
    """The products of all rows of ``x`` [N, F] with all of ``y`` [M, F], float64 [N, M].

    By OpenBLAS: where the libraries are limited, so that all CPUs make the same bytes, PyTorch's own products
    of doubles take four times as long.
    """
    with one_thread():
        return torch.from_numpy(x.double().numpy() @ y.double().numpy().T)


def one_thread() -> AbstractContextManager[Any]:
    """Have NumPy's matrix products take one thread.

    How many they take decides how sums are rounded, and by default depends on the machine; and those threads
    would compete with PyTorch's, which spin while they wait, so that small products take many times as long.
    """
    limits: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limits


@cache  # it takes a millisecond to find them
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
