"""EMNIST (handwritten letters and digits), which torchvision downloads."""

from typing import TYPE_CHECKING, Literal

from stages.gan.core.params.types import Several
from stages.gan.core.source import Show, Source, limited

if TYPE_CHECKING:
    from pathlib import Path

    from stages.gan.core.datasets import Dataset

SIZES = {  # number of training and of test images, by the selection of classes
    "byclass": (697_932, 116_323),
    "bymerge": (697_932, 116_323),
    "balanced": (112_800, 18_800),
    "letters": (124_800, 20_800),
    "digits": (240_000, 40_000),
    "mnist": (60_000, 10_000),
}


class EmnistSource(Source):
    """EMNIST: handwritten letters and digits, 28x28 (Cohen et al. 2017).

    ``split`` selects the classes. ``limit`` keeps at most that many training and test images, the first ones
    of each.
    """

    kind = "images"
    shape = (1, 28, 28)
    labelled = True

    def __init__(
        self,
        *,
        split: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"] = "balanced",
        limit: Several | None = None,
    ) -> None:
        self.counts = limited(SIZES[split], limit)
        self._split, self._limit = split, limit

    def load(self, raw: "Path", show: Show = lambda items, _: items) -> "Dataset":
        """Download the images, unless they are already in ``raw``."""
        from stages.gan.sources import downloads  # heavy: see Source

        return downloads.emnist(self._split, SIZES[self._split], raw, self._limit)
