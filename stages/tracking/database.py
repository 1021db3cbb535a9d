"""SQLite stores: which file an address names, and how MLflow is told of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_from_bytes, unquote


@dataclass(frozen=True)
class Database:
    """The file of an SQLite store.

    Attributes:
        folder: where it is; absolute, without links.
        name: its name there.
        scheme: what its address begins with: SQLite, and SQLAlchemy's driver for it.
        options: what its address ends with, from the ``?`` on.
    """

    folder: Path
    name: str
    scheme: str = "sqlite"
    options: str = ""

    @property
    def file(self) -> Path:
        """The file."""
        return self.folder / self.name

    @property
    def address(self) -> str:
        """MLflow's address for it, for who works in its folder.

        Where the folder's name has other signs than the plainest, it is left out: in an address, SQLAlchemy
        takes ``%2F`` for a slash and ``?`` for the end, and MLflow makes folders of what it misreads.
        """
        whole = quote_from_bytes(bytes(self.file))
        return f"{self.scheme}:///{whole if whole == str(self.file) else quote(self.name)}{self.options}"

    def enter(self) -> str:
        """Work in its folder from now on, as MLflow has its artifacts where it works; returns the address.

        Else a store for several checkouts has them in whichever of these was the first to log.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)  # as MLflow does, only later
            os.chdir(self.folder)
        except OSError:  # with the whole path, MLflow fails, and says so
            return f"{self.scheme}:///{quote_from_bytes(bytes(self.file))}{self.options}"
        return self.address


def of(uri: str) -> Database | None:
    """The SQLite file that an address names, or None.

    A path means what is written, whatever signs are in it; where there is no such folder, what MLflow reads:
    there ``%20`` is a space.
    """
    scheme, _, path = uri.partition(":///")
    if scheme.partition("+")[0] != "sqlite" or not path or path.startswith("file:"):
        return None
    folder, slash, name = path.rpartition("/")
    if Path(folder + slash).is_dir():
        name, mark, options = name.partition("?")
    else:
        path, mark, options = path.partition("?")
        folder, slash, name = unquote(path).rpartition("/")
    place = Path(folder + slash).resolve()
    return Database(place, name if (place / name).exists() else unquote(name), scheme, mark + options)
