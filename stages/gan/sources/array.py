"""The user's own points, from a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from stages.gan.core.params.types import Place, Seed
from stages.gan.core.source import Measured, Show, Source, held_out
from stages.runtime.errors import UserError, say

if TYPE_CHECKING:
    from stages.gan.core.datasets import Dataset


class ArraySource(Source):
    """Points from a NumPy file (.npy, .npz) or a text file (.csv, .tsv, .txt), one point per row.

    For the networks, each column is scaled to mean 0 and standard deviation 1. ``seed`` picks the fifth that
    is held out for tests.
    """

    kind = "points"

    def __init__(self, *, path: Place, seed: Seed = 111) -> None:
        self.path = path
        self._seed = seed

    def measure(self, raw: Path) -> Measured:
        """Read and check the file."""
        from stages.gan.sources import tables  # heavy: see Source

        values = tables.read(Path(str(self.path)).expanduser()).values
        return Measured(tuple(values.shape[1:]), len(values) - held_out(len(values)))

    def load(self, raw: Path, show: Show = lambda items, _: items) -> "Dataset":
        """Read the file, and split its points."""
        import torch  # heavy, like the other imports: see Source

        from stages.gan.core.datasets import Dataset, Split
        from stages.gan.core.normalization import Normalization
        from stages.gan.sources import tables
        from stages.gan.sources.splitting import split_rows

        table = tables.read(Path(str(self.path)).expanduser())
        if table.note:
            say(f"{self.path}: {table.note}")
        points = torch.from_numpy(table.values)
        train, test = split_rows(len(points), None, self._seed)
        scale = Normalization.of(points[train])
        if 0 in scale.deviation:
            raise UserError(f"{self.path}: a column has the same value in all training rows: leave it out")
        return Dataset(
            *(Split(points[rows], normalization=scale, columns=table.names) for rows in (train, test))
        )
