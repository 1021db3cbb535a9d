"""Splitting samples into those for training and those held out for tests."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from stages.gan.core.source import held_out


def split_rows(count: int, labels: Tensor | None, seed: int) -> tuple[Tensor, ...]:
    """The rows (int64) of the training split and of the test split, a fifth of each class, in random order.

    The order is random because figures show the first samples, and files are often sorted by class.

    Args:
        count: number of samples.
        labels: the class of each sample (int64 [N]); None: there are no classes.
        seed: decides the split and the order.
    """
    strata = None if labels is None else labels.numpy()
    classes = 1 if labels is None else len(labels.unique())
    test = held_out(count, classes)
    parts = train_test_split(np.arange(count), test_size=test, stratify=strata, random_state=seed % 2**32)
    return tuple(map(torch.from_numpy, parts))
