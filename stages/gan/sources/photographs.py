"""Patches of colour photographs that need no download."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stages.gan.core.params.types import Seed, Several
from stages.gan.core.source import Show, Source

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from stages.gan.core.datasets import Dataset, Split

_SIDE = 32
_PERIOD, _HELD_OUT = 160, 40  # of every 160 columns, the last 40 are for the test split


class PhotographsSource(Source):
    """Patches of 32x32 pixels, RGB, of the two photographs in scikit-learn: a temple and a flower.

    Half of the patches come from each photograph, at random places; the photograph is the label. Training and
    test patches come from separate bands of the photographs, so they share no pixel.

    Args:
        patches: number of training patches; the test split has a quarter as many.
        seed: decides the places.
    """

    kind = "images"
    shape = (3, _SIDE, _SIDE)
    labelled = True

    def __init__(self, *, patches: Several = 4096, seed: Seed) -> None:
        self.counts = self._counts = (patches, max(2, patches // 4))
        self._seed = seed

    def load(self, raw: "Path", show: Show = lambda items, _: items) -> "Dataset":
        """Cut out the patches, at random places."""
        import torch  # heavy, like the other imports: see Source
        from sklearn.datasets import load_sample_images

        from stages.gan.core.datasets import Dataset

        photographs = [torch.from_numpy(image.copy()) for image in load_sample_images().images]
        bands = [photograph.split([_PERIOD - _HELD_OUT, _HELD_OUT] * 4, 1) for photograph in photographs]
        train, test = ([found[which::2] for found in bands] for which in (0, 1))
        return Dataset(
            self._split("train", train, self._counts[0]), self._split("test", test, self._counts[1])
        )

    def _split(self, name: str, bands: "Sequence[Sequence[torch.Tensor]]", count: int) -> "Split":
        """``count`` patches, taken in turn from the bands (uint8 [H, W, 3]) of each photograph."""
        import torch

        from stages.gan.core.datasets import Split
        from stages.gan.core.randomness import generator

        random = generator(self._seed, "photographs", name)
        labels = torch.arange(count) % len(bands)
        drawn = torch.rand(count, 3, generator=random, dtype=torch.float64).tolist()
        patches = []
        for label, (which, *place) in zip(labels.tolist(), drawn, strict=True):
            band = bands[label][int(which * len(bands[label]))]
            top, left = (
                int(share * (side - _SIDE + 1)) for share, side in zip(place, band.shape[:2], strict=True)
            )
            patches.append(band[top : top + _SIDE, left : left + _SIDE].permute(2, 0, 1))
        return Split(torch.stack(patches), labels, classes=("temple", "flower"))
