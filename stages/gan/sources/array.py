"""The user's own points, from a file."""

from pathlib import Path
from typing import TYPE_CHECKING

from stages.gan.core.params.types import Place, Seed
from stages.gan.core.source import Measured, Show, Source, held_out
from stages.runtime.errors import UserError, say

if TYPE_CHECKING:
    from stages.gan.core.datasets import Dataset


class ArraySource(Source):
    """Points from a file of NumPy's (.npy, .npz) or of text (.csv, .tsv, .txt), a row each.

    The networks see them standardised, column by column. ``seed`` picks the held-out fifth.
    """

    kind = "points"

    def __init__(self, *, path: Place, seed: Seed = 111) -> None:
        self.path = path
        self._seed = seed

    def measure(self, raw: Path) -> Measured:
        """Read the file, and check it."""
        from stages.gan.sources import tables  # heavy: see Source

        values = tables.read(Path(str(self.path)).expanduser()).values
        return Measured(tuple(values.shape[1:]), len(values) - held_out(len(values)))

    def load(self, raw: Path, show: Show = lambda items, _: items) -> "Dataset":
        """Read the file."""
        import torch  # heavy, as the rest: see Source

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
