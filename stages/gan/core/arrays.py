"""Tensors in .npy files; reading them never unpickles anything."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from stages.runtime import files
from stages.runtime.errors import UserError

_ERRORS = (
    *(OSError, ValueError, EOFError, TypeError, KeyError, AttributeError, SyntaxError, OverflowError),
    *(MemoryError, RecursionError, TokenError, BadZipFile),
)


def load(path: Path, what: str, stage: str) -> Tensor:
    """The tensor in a .npy file, on the CPU.

    Args:
        path: the file.
        what: what the file should hold, for the error message.
        stage: the stage that makes the file, for the error message.

    Raises:
        UserError: the file is missing or damaged, or holds numbers that are not finite.
    """
    try:
        tensor = torch.from_numpy(np.load(path, allow_pickle=False))
    except _ERRORS as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{path}: not readable {what} ({reason}); run the {stage} stage") from error
    if not torch.isfinite(tensor).all():
        raise UserError(f"{path}: holds numbers that are not finite; train again, with a lower train.lr")
    return tensor


def save(path: Path, blocks: Iterable[Tensor], count: int) -> None:
    """Write blocks [B, …] one by one to a .npy file, so that memory has to hold only one block at a time.

    Args:
        path: the file.
        blocks: at least one; on the CPU, all of the same type.
        count: number of rows in all blocks together.
    """
    rest = iter(blocks)
    first = next(rest)
    header = {
        "descr": np.lib.format.dtype_to_descr(first.numpy().dtype),
        "fortran_order": False,
        "shape": (count, *first.shape[1:]),
    }
    with files.replacing(path) as aside, aside.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for block in chain([first], rest):
            file.write(block.numpy().tobytes())
