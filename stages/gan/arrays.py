"""Tensors in .npy files, of which nothing is ever unpickled."""

from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from stages.gan.errors import UserError

_ERRORS = (
    *(OSError, ValueError, EOFError, TypeError, KeyError, AttributeError, SyntaxError, OverflowError),
    *(MemoryError, RecursionError, TokenError, BadZipFile),
)


def load(path: Path, what: str, stage: str) -> Tensor:
    """The tensor in a file.

    Args:
        path: the file.
        what: what it should hold, for the message.
        stage: the stage that makes it, likewise.

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
