"""Handwritten digits that need no download."""

from typing import TYPE_CHECKING

from stages.gan.core.params.types import Seed, Several
from stages.gan.core.source import Show, Source

if TYPE_CHECKING:
    from pathlib import Path

    from stages.gan.core.datasets import Dataset


class DigitsSource(Source):
    """The 1,797 handwritten 8x8 digits in scikit-learn; ``seed`` picks the fifth that is held out for tests.

    ``train_limit`` keeps only that many training images, picked with the same seed, to train on little data.
    """

    kind = "images"
    shape = (1, 8, 8)
    labelled = True

    def __init__(self, *, seed: Seed, train_limit: Several | None = None) -> None:
        self.counts = (1437 if train_limit is None else min(1437, train_limit), 360)
        self._seed, self._limit = seed, train_limit

    def load(self, raw: "Path", show: Show = lambda items, _: items) -> "Dataset":
        """Read the digits; their 17 shades of grey are spread over 0 to 255."""
        import numpy as np  # heavy, like the other imports: see Source
        import torch
        from sklearn.datasets import load_digits

        from stages.gan.core.datasets import Dataset, Split
        from stages.gan.sources.splitting import split_rows

        digits = load_digits()
        images = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
        labels = torch.from_numpy(digits.target.astype(np.int64))
        training, held_out = split_rows(len(labels), labels, self._seed)
        train, test = training[: self._limit].sort().values, held_out.sort().values
        return Dataset(Split(images[train], labels[train]), Split(images[test], labels[test]))
