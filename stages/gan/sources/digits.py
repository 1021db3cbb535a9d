"""Handwritten digits that need no download."""

from typing import TYPE_CHECKING

from stages.gan.core.params.types import Seed
from stages.gan.core.source import Show, Source

if TYPE_CHECKING:
    from pathlib import Path

    from stages.gan.core.datasets import Dataset


class DigitsSource(Source):
    """The 1,797 handwritten 8x8 digits that scikit-learn carries; ``seed`` picks the held-out fifth."""

    kind = "images"
    shape = (1, 8, 8)
    counts = (1437, 360)
    labelled = True

    def __init__(self, *, seed: Seed) -> None:
        self._seed = seed

    def load(self, raw: "Path", show: Show = lambda items, _: items) -> "Dataset":
        """Read the digits, their 17 shades of grey spread over 0 to 255."""
        import numpy as np  # heavy, as the rest: see Source
        import torch
        from sklearn.datasets import load_digits

        from stages.gan.core.datasets import Dataset, Split
        from stages.gan.sources.splitting import split_rows

        digits = load_digits()
        images = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
        labels = torch.from_numpy(digits.target.astype(np.int64))
        train, test = (rows.sort().values for rows in split_rows(len(labels), labels, self._seed))
        return Dataset(Split(images[train], labels[train]), Split(images[test], labels[test]))
