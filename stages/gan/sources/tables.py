"""Points in files of the user's: .npy, .npz and .csv, a row each."""

import csv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from stages.gan.core.source import LEAST
from stages.runtime.errors import UserError, one_line

_NAME = "points"  # of the array that is meant, where an .npz file has several
_MOST_COLUMNS = 10_000
_LARGEST = 1e30  # so that squares of what is made of it are finite
_ROUNDED = 1e-3  # of a column's deviation: what float32 may lose
_ERRORS = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, ImportError, OverflowError),
    *(MemoryError, BadZipFile, zlib.error, TokenError, csv.Error),
)


@dataclass(frozen=True)
class Table:
    """Points, float32 [N, D], all finite; and the names of their columns, where the file has any."""

    values: NDArray[np.float32]
    names: tuple[str, ...] = ()


def read(path: Path) -> Table:
    """Read the points in a file.

    An .npz file holds one array, or one named ``points``. A .csv file has a point in each line, separated by
    commas, semicolons, tabs or spaces; its first line may name the columns.

    Raises:
        UserError: the file is missing or damaged, or holds no table of finite numbers, or too few, or a
            column that is the same in all rows, or finer than float32 can hold.
    """
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: not a file with points: its name must end in .npy, .npz or .csv")
    try:
        values, names = readers[path.suffix.lower()](path)
    except UserError:
        raise
    except _ERRORS as error:
        reason = f"there is no such file: {path}" if isinstance(error, FileNotFoundError) else one_line(error)
        raise UserError(f"{path}: not readable points ({reason[:300] or type(error).__name__})") from error
    return Table(_checked(path, values, names), names)


def _npy(path: Path) -> tuple[Any, tuple[str, ...]]:
    return np.load(path, allow_pickle=False), ()


def _npz(path: Path) -> tuple[Any, tuple[str, ...]]:
    with np.load(path, allow_pickle=False) as archive:
        names = archive.files
        if len(names) != 1 and _NAME not in names:
            listed = ", ".join(names) or "none"
            raise UserError(f"{path}: holds several arrays ({listed}); name the one that is meant {_NAME}")
        return archive[_NAME if _NAME in names else names[0]], ()


def _csv(path: Path) -> tuple[Any, tuple[str, ...]]:
    text = path.read_text(encoding="utf-8-sig")
    lines = {number: line for number, line in enumerate(text.splitlines(), start=1) if line.strip()}
    if not lines:
        raise UserError(f"{path}: is empty")
    first = next(iter(lines.values()))
    separator = next((sign for sign in ",;\t" if sign in first), None)
    cells = csv.reader(lines.values(), delimiter=separator) if separator else map(str.split, lines.values())
    rows = list(cells)
    names: tuple[str, ...] = ()
    if not any(map(_is_number, rows[0])):
        if not separator and len(rows) > 1 and len(rows[1]) == 1:
            rows[0] = [first.strip()]  # one column, whose name is of several words
        names = tuple(one_line(name)[:80] or f"x{index}" for index, name in enumerate(rows[0], start=1))
    width = len(rows[0])
    numbers = list(lines)
    for number, row in list(zip(numbers, rows, strict=False))[bool(names) :]:
        if len(row) != width:
            raise UserError(f"{path}: line {number} has {len(row)} numbers, not {width}")
        if (wrong := next((cell for cell in row if not _is_number(cell)), None)) is not None:
            raise UserError(f"{path}: line {number} has {wrong[:80]!r} where a number must be")
    return np.array([[float(cell) for cell in row] for row in rows[bool(names) :]]).reshape(-1, width), names


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _checked(path: Path, found: Any, names: Sequence[str]) -> NDArray[np.float32]:
    values = np.asarray(found)
    if values.dtype.kind not in "iufb":
        raise UserError(f"{path}: holds {values.dtype}, not real numbers")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or not 1 <= values.shape[1] <= _MOST_COLUMNS:
        raise UserError(
            f"{path}: has the shape {_shape(values.shape)}; points are [N, D], a row each, of 1 to "
            f"{_MOST_COLUMNS:,} numbers"
        )
    if len(values) < LEAST:
        raise UserError(f"{path}: holds {len(values)} points; at least {LEAST} are needed")
    exact = values.astype(np.float64)
    fit = np.isfinite(exact) & (np.abs(exact) <= _LARGEST)
    if not fit.all():
        row, column = np.argwhere(~fit)[0]
        raise UserError(
            f"{path}: row {row + 1} of the points holds {exact[row, column]}: each number must be there, "
            f"finite, and at most {_LARGEST:g}"
        )
    points = np.ascontiguousarray(exact, dtype=np.float32)
    spread, lost = exact.std(0), np.abs(exact - points).max(0)
    for column, name in enumerate(names or map(str, range(1, exact.shape[1] + 1))):
        if exact[:, column].min() == exact[:, column].max():
            raise UserError(f"{path}: column {name} has the same value in all rows: leave it out")
        if lost[column] > _ROUNDED * spread[column]:
            raise UserError(
                f"{path}: column {name} varies too little for numbers of its size: subtract its mean"
            )
    return points


def _shape(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"
