"""Which samples are for training, and which are held out for the test split."""

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from stages.gan.core.source import held_out


def split_rows(count: int, labels: Tensor | None, seed: int) -> tuple[Tensor, ...]:
    """The rows of the training split, and of the test split: a fifth, of each class; in a random order.

    In the order of their files, images would be sorted by their classes, and pictures show the first of them.
    """
    strata = None if labels is None else labels.numpy()
    classes = 1 if labels is None else len(labels.unique())
    test = held_out(count, classes)
    parts = train_test_split(np.arange(count), test_size=test, stratify=strata, random_state=seed % 2**32)
    return tuple(map(torch.from_numpy, parts))
