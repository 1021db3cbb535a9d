"""The user's own images, from a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stages.gan.core.params.types import Place, Seed, Size
from stages.gan.core.source import Measured, Show, Source, held_out
from stages.runtime.errors import say

if TYPE_CHECKING:
    from stages.gan.core.datasets import Dataset


class ImagesSource(Source):
    """Images from a folder, cropped to squares with sides of ``size`` pixels.

    ``size: [height, width]`` makes rectangles. If the images are in several folders there, each folder is a
    class. ``channels`` is 1 for grey, 3 for colour. ``white`` is the value that becomes 255 in images with
    more than 8 bits; by default it is found from the largest value of all. ``seed`` picks the fifth of the
    images that is held out for tests.
    """

    kind = "images"

    def __init__(
        self,
        *,
        path: Place,
        size: Size,
        channels: Literal[1, 3] = 3,
        white: float | None = None,
        seed: Seed = 111,
    ) -> None:
        if white is not None and white <= 0:
            raise ValueError(f"data.white: must be above 0, got {white:g}")
        self.path = path
        self.white = white
        height, width = size if isinstance(size, list) else (size, size)
        self.shape = (channels, height, width)
        self._seed = seed

    def measure(self, raw: Path) -> Measured:
        """Find the images, without reading them."""
        from stages.gan.sources import image_folders  # heavy: see Source

        found = image_folders.find(Path(str(self.path)).expanduser())
        count = len(found.images)
        assert self.shape is not None
        training = count - held_out(count, max(1, len(found.classes)))
        return Measured(self.shape, training, bool(found.labels))

    def verify(self, raw: Path, show: Show = lambda items, _: items) -> None:
        """Read all images, to check that they can be read; see :func:`image_folders.verify`."""
        from stages.gan.sources import image_folders  # heavy: see Source

        folder = Path(str(self.path)).expanduser()
        image_folders.verify(folder, image_folders.find(folder).images, raw / "verified", show)

    def load(self, raw: Path, show: Show = lambda items, _: items) -> "Dataset":
        """Read the images, and split them."""
        import numpy as np  # heavy, like the other imports: see Source
        import torch

        from stages.gan.core.datasets import Dataset, Split
        from stages.gan.sources import depth, image_folders
        from stages.gan.sources.splitting import split_rows

        assert self.shape is not None
        found = image_folders.find(Path(str(self.path)).expanduser())
        white = self.white
        if white is None and (deep := image_folders.largest(found.images)) is not None:
            white = depth.white(*deep)
            say(
                f"{self.path}: images with more than 8 bits, values up to {deep[0]:,.10g}: {white:,.10g} is "
                "taken as white; data.white can name another value"
            )
        pictures = show(image_folders.read(found.images, self.shape, white), len(found.images))
        images = torch.from_numpy(np.stack(list(pictures)))
        labels = torch.tensor(found.labels) if found.labels else None
        parts = []
        for rows in split_rows(len(images), labels, self._seed):
            kept = None if labels is None else labels[rows]
            parts.append(Split(images[rows], kept, classes=found.classes))
        return Dataset(*parts)
