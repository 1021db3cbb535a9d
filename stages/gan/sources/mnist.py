"""MNIST and the data sets of the same form, which torchvision downloads."""

from typing import TYPE_CHECKING, ClassVar

from stages.gan.core.params.types import Several
from stages.gan.core.source import Show, Source, limited

if TYPE_CHECKING:
    from pathlib import Path

    from stages.gan.core.datasets import Dataset

_COUNTS = (60_000, 10_000)  # training and test images


class MnistSource(Source):
    """MNIST: 60,000 training and 10,000 test images of handwritten digits, 28x28 (LeCun et al. 1998).

    ``limit`` keeps at most that many images of each split, the first ones. ``GAN_MIRROR``, a folder or URL
    with MNIST's four archives, is tried before torchvision's mirrors.
    """

    kind = "images"
    shape = (1, 28, 28)
    labelled = True
    archive: ClassVar = "MNIST"  # torchvision's name
    folder: ClassVar = ""  # in GAN_MIRROR
    named: ClassVar = False  # whether to keep torchvision's names of the classes, or use their numbers

    def __init__(self, *, limit: Several | None = None) -> None:
        self.counts = limited(_COUNTS, limit)
        self._limit = limit

    def load(self, raw: "Path", show: Show = lambda items, _: items) -> "Dataset":
        """Download the images, unless they are already in ``raw``."""
        from stages.gan.sources import downloads  # heavy: see Source

        return downloads.mnist(self.archive, self.folder, _COUNTS, raw, self._limit, self.named)


class FashionMnistSource(MnistSource):
    """Fashion-MNIST (Xiao et al. 2017), in the form of MNIST."""

    archive = "FashionMNIST"
    folder = "fashion_mnist"
    named = True


class KmnistSource(MnistSource):
    """Kuzushiji-MNIST (Clanuwat et al. 2018), in the form of MNIST."""

    archive = "KMNIST"
    folder = "kmnist"
