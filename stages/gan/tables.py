"""Points in files of one's own: .npy, .npz and .csv, a row each."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.gan.errors import UserError, one_line

_NAME = "points"  # of the array that is meant, where an .npz file has several
_MOST_COLUMNS = 10_000


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
        UserError: the file is missing or damaged, or holds no table of finite numbers.
    """
    readers = {".npy": _npy, ".npz": _npz, ".csv": _csv}
    if path.suffix.lower() not in readers:
        raise UserError(f"{path}: not a file with points: its name must end in .npy, .npz or .csv")
    try:
        values, names = readers[path.suffix.lower()](path)
    except UserError:
        raise
    except (OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, ImportError, csv.Error) as error:
        reason = f"there is no such file: {path}" if isinstance(error, FileNotFoundError) else one_line(error)
        raise UserError(f"{path}: not readable points ({reason[:300] or type(error).__name__})") from error
    return Table(_checked(path, values), names)


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
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UserError(f"{path}: is empty")
    separator = next((sign for sign in ",;\t" if sign in lines[0]), None)
    rows = list(csv.reader(lines, delimiter=separator)) if separator else [line.split() for line in lines]
    names: tuple[str, ...] = ()
    if not any(map(_is_number, rows[0])):
        names = tuple(one_line(name)[:80] or f"x{index}" for index, name in enumerate(rows[0], start=1))
        rows = rows[1:]
    width = len(names) if names else len(rows[0])
    for number, row in enumerate(rows, start=1 + bool(names)):
        if len(row) != width:
            raise UserError(f"{path}: row {number} has {len(row)} numbers, not {width}")
        if (wrong := next((cell for cell in row if not _is_number(cell)), None)) is not None:
            raise UserError(f"{path}: row {number} has {wrong[:80]!r} where a number must be")
    return np.array([[float(cell) for cell in row] for row in rows]).reshape(-1, width), names


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _checked(path: Path, found: Any) -> NDArray[np.float32]:
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
    with np.errstate(over="ignore"):
        points = np.ascontiguousarray(values, dtype=np.float32)
    if not (finite := np.isfinite(points).all(1)).all():
        row = int(np.argmin(finite)) + 1
        raise UserError(f"{path}: row {row} of the points holds a number that is missing, or not finite")
    return points


def _shape(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"
