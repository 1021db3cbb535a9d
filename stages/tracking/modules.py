"""The part of the project's code that is logged with a model, so that the model runs without the project."""

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from stages.runtime.errors import UserError

_PACKAGE = "stages"
_ROOT = Path(__file__).parents[1]
# What is needed to draw samples from a generator's file, and to load it with MLflow.
_ROOMS = ("gan/core", "gan/networks", "gan/losses", "gan/sources")
_MODULES = (
    *("__init__.py", "gan/__init__.py", "gan/custom.py"),
    *("runtime/__init__.py", "runtime/errors.py", "runtime/files.py"),
    *("tracking/__init__.py", "tracking/pyfunc.py"),
)
_TIME = (1980, 1, 1, 0, 0, 0)  # a fixed time, so that the archive is always the same


def pack(folder: Path) -> Path:
    """Write an archive of the code to a folder; returns the archive's path."""
    path = folder / "code.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(_files()):
            name = file.relative_to(_ROOT).as_posix()
            archive.writestr(zipfile.ZipInfo(name, _TIME), file.read_bytes())
    return path


def unpack(path: Path, package: Path) -> None:
    """Unpack the code of an archive as a package, and replace the project's name by the package's in it.

    Args:
        path: the archive.
        package: the folder of the package.

    Raises:
        UserError: the archive is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(package)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        shutil.rmtree(package, ignore_errors=True)
        raise UserError(f"{path} is damaged") from error
    for file in package.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        file.write_text(renamed(text, package.name), encoding="utf-8")


def renamed(text: str, package: str) -> str:
    """A module's text whose imports name another package instead of the project's."""
    return text.replace(f"from {_PACKAGE}.", f"from {package}.").replace(
        f"import {_PACKAGE}.", f"import {package}."
    )


def _files() -> Iterator[Path]:
    for room in _ROOMS:
        yield from (_ROOT / room).rglob("*.py")
    yield from (path for name in _MODULES if (path := _ROOT / name).exists())
