"""Points in the user's files, NumPy's or text, one point per row."""

import csv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray

from stages.gan.core.source import LEAST
from stages.gan.sources import text_tables
from stages.runtime.errors import UserError, counted, one_line

_NAME = "points"  # the array to read if an .npz file has several
_NUMPY, _TEXT = (".npy", ".npz"), (".csv", ".tsv", ".txt")
_INSTEAD = {  # what to do with the files of other programs
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV"),
    **dict.fromkeys((".parquet", ".feather"), "read it with pandas, write it with to_csv(…, index=False)"),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zip"), "unpack it"),
}
_STARTS = {
    b"\x93NUMPY": "NumPy's; make its name end in .npy",
    b"PK\x03\x04": "an archive's, such as an Excel file; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel file's; save the sheet as CSV",
    b"PAR1": f"a Parquet file's; {_INSTEAD['.parquet']}",
    b"\x1f\x8b": "compressed; unpack it",
}
_MOST_COLUMNS = 10_000
_LARGEST = 1e30  # so that squares of values computed from it are finite
_ROUNDED = 1e-3  # the share of a column's standard deviation that float32 may round away
_ERRORS = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, ImportError, OverflowError),
    *(MemoryError, BadZipFile, zlib.error, TokenError, csv.Error),
)


@dataclass(frozen=True)
class Table:
    """Points, float32 [N, D], all finite, and the names of their columns, if the file has any.

    ``note`` says how the file was understood where this may be wrong; empty: nothing is in doubt.
    """

    values: NDArray[np.float32]
    names: tuple[str, ...] = ()
    note: str = ""


def read(path: Path) -> Table:
    """Read the points in a file.

    An .npz file holds one array, or several of which one is named ``points``. A text file has a point in each
    line; see :func:`text_tables.parse`.

    Raises:
        UserError: the file is missing or damaged, is not a table of finite numbers, or has too few rows, or a
            column that is constant or needs more digits than float32 has.
    """
    suffix = path.suffix.lower()
    if suffix not in _NUMPY + _TEXT:
        instead = f"; {_INSTEAD[suffix]}" if suffix in _INSTEAD else ""
        *most, last = _NUMPY + _TEXT
        raise UserError(
            f"{path}: not a file with points: its name must end in {', '.join(most)} or {last}{instead}"
        )
    left_out = False
    names: tuple[str, ...] = ()
    try:
        if suffix in _NUMPY:
            values, names = _fields(_numpy(path))
        else:
            values, names, left_out = _text(path)
    except UserError:
        raise
    except _ERRORS as error:
        reason = f"there is no such file: {path}" if isinstance(error, FileNotFoundError) else one_line(error)
        raise UserError(f"{path}: not readable points ({reason[:300] or type(error).__name__})") from error
    points = _checked(path, values, names)
    return Table(points, names, _note(points, names, left_out))


def _numpy(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(6)
    if start != b"\x93NUMPY" and not start.startswith(b"PK"):
        raise UserError(f"{path}: not readable points (its content is not NumPy's); write it with numpy.save")
    try:
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, NpzFile):
            return found
        with found:
            return found[_chosen(path, found.files)]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise UserError(
            f"{path}: not readable points (it holds Python objects, not numbers); save array.astype(float) "
            "instead"
        ) from error


def _chosen(path: Path, names: Sequence[str]) -> str:
    """The name of the array to read from an .npz file."""
    if len(names) != 1 and _NAME not in names:
        listed = ", ".join(names)[:300] or "none"
        raise UserError(
            f"{path}: holds several arrays ({listed}); name the right one {_NAME}, or save it alone"
        )
    return _NAME if _NAME in names else names[0]


def _fields(found: Any) -> tuple[Any, tuple[str, ...]]:
    """An array, and the names of its columns, if any: in a structured array, each field is a column."""
    if getattr(found, "dtype", None) is None or not found.dtype.names or found.ndim != 1:
        return found, ()
    return structured_to_unstructured(found), tuple(map(one_line, found.dtype.names))


def _text(path: Path) -> tuple[Any, tuple[str, ...], bool]:
    content = path.read_bytes()
    if other := next((what for start, what in _STARTS.items() if content.startswith(start)), None):
        raise UserError(f"{path}: not readable points (its content is {other})")
    try:
        text = text_tables.parse(content)
    except text_tables.FormError as error:
        raise UserError(f"{path}: {error}") from error
    return text.values, text.names, text.left_out


def _note(points: NDArray[np.float32], names: Sequence[str], left_out: bool) -> str:
    """How a table was understood where this may be wrong; empty: nothing is in doubt."""
    if left_out:
        return "its first column has no name and numbers the rows, as in files from pandas: it is left out"
    first = points[:, 0]
    if points.shape[1] > 1 and first[0] in (0, 1) and np.array_equal(first - first[0], np.arange(len(first))):
        named = f", {names[0]}," if names else ""
        return (
            f"its first column{named} is {first[0]:g}, {first[1]:g}, {first[2]:g} and so on; it is used as "
            "data, so remove it if it only numbers the rows"
        )
    return ""


def _checked(path: Path, found: Any, names: Sequence[str]) -> NDArray[np.float32]:
    values = np.asarray(found)
    if values.dtype.kind not in "iufb":
        raise UserError(f"{path}: holds {values.dtype}, not real numbers")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or not 1 <= values.shape[1] <= _MOST_COLUMNS:
        raise UserError(
            f"{path}: has the shape {_shape(values.shape)}; points are [N, D], one per row, with 1 to "
            f"{_MOST_COLUMNS:,} numbers each"
        )
    if len(values) < LEAST:
        raise UserError(f"{path}: holds {counted(len(values), 'point')}; at least {LEAST} are needed")
    exact = values.astype(np.float64)
    fit = np.isfinite(exact) & (np.abs(exact) <= _LARGEST)
    if not fit.all():
        row, column = np.argwhere(~fit)[0]
        raise UserError(
            f"{path}: row {row + 1} of the points holds {exact[row, column]}: no number may be missing, "
            f"infinite, or larger than {_LARGEST:g}"
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
