"""SQLite stores: the file that an address names, and an address for it that MLflow understands."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_from_bytes, unquote


@dataclass(frozen=True)
class Database:
    """The file of an SQLite store.

    Attributes:
        folder: its folder; absolute, without links.
        name: its name in the folder.
        scheme: the beginning of its address: ``sqlite``, with SQLAlchemy's driver if one is named.
        options: the end of its address, from the ``?`` on.
    """

    folder: Path
    name: str
    scheme: str = "sqlite"
    options: str = ""

    @property
    def file(self) -> Path:
        """The path of the file."""
        return self.folder / self.name

    @property
    def address(self) -> str:
        """MLflow's address for it, for a process whose current folder is the file's.

        If the folder's path contains special characters, the address is relative. Otherwise SQLAlchemy would
        take ``%2F`` for a slash and ``?`` for the end of the path, and MLflow would make wrong folders.
        """
        whole = quote_from_bytes(bytes(self.file))
        return f"{self.scheme}:///{whole if whole == str(self.file) else quote(self.name)}{self.options}"

    def enter(self) -> str:
        """Change to its folder, as MLflow puts artifacts into the current folder; returns the address.

        Otherwise the artifacts of a store that several checkouts share would be in the checkout that was the
        first to log.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)  # MLflow does the same, but too late
            os.chdir(self.folder)
        except OSError:  # MLflow will fail with this address, and report it
            return f"{self.scheme}:///{quote_from_bytes(bytes(self.file))}{self.options}"
        return self.address


def of(uri: str) -> Database | None:
    """The SQLite file that an address names, or None if it is the address of another kind of store.

    The path is taken literally if its folder exists; otherwise it is decoded like MLflow does it, so ``%20``
    is a space.
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
