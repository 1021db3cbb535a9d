"""Tables in text files: finding the separator, the line that names the columns, and the numbers."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from stages.runtime.errors import UserError, one_line

_LONGEST = 300  # most letters of a column's name
_LOOKED_AT = 1000  # lines that decide which form an error message assumes, if a file has no valid form
_INDEX = re.compile(r"(Unnamed: 0(\.\d+)?)?")  # pandas's names for the column with its index; often none
_COMMENT = re.compile(r"\s*#|sep=.$")  # comments as numpy.savetxt writes them; Excel's line about separators
_BETWEEN = re.compile(r"[,;\s]+")
_WHOLE = re.compile(r"[+-]?[0-9]+$")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Lines = Mapping[int, str]  # by their numbers, from 1


class FormError(UserError):
    """A file is not a table; the message names the line or the cell that shows it."""


class AmbiguousError(FormError):
    """A file can be read as two different tables; the message names a cell, and how to make it clear."""


@dataclass(frozen=True)
class Form:
    """How a table is written: the separator of its cells and its name, and whether decimals have a comma."""

    separator: str
    name: str
    comma: bool = False

    def cells(self, line: str) -> list[str]:
        """The cells of a line."""
        if self.separator == " ":
            line = line.replace("\t", " ").strip()
        if '"' in line:
            (found,) = csv.reader([line], delimiter=self.separator, skipinitialspace=True)
        else:
            found = line.split(None if self.separator == " " else self.separator)
        return [cell.strip() for cell in found]

    def number(self, cell: str) -> float | None:
        """The number in a cell; None: it is not a number."""
        if self.comma and "," in cell:
            cell = cell.replace(",", ".") if _COMMA.fullmatch(cell) else ""
        elif self.comma and "." in cell:
            cell = ""
        try:
            return None if "_" in cell else float(cell)
        except ValueError:
            return None

    def are_names(self, cells: Sequence[str]) -> bool:
        """Whether no cell is a number, or several numbers with another separator between them."""
        return all(any(self.number(part) is None for part in _BETWEEN.split(cell)) for cell in cells)


_COMMAS, _SEMICOLONS, _TABS = Form(",", "commas"), Form(";", "semicolons"), Form("\t", "tabs")
_SPACES = Form(" ", "spaces")
_POINTS = [_COMMAS, _SEMICOLONS, _TABS, _SPACES]
_DECIMAL_COMMA = [Form(form.separator, form.name, comma=True) for form in _POINTS]
_FORMS = [*_POINTS, *_DECIMAL_COMMA]
_LIKELY = [_SEMICOLONS, _TABS, _COMMAS, _SPACES, *_DECIMAL_COMMA]  # first separators that no number contains


@dataclass(frozen=True)
class Text:
    """The table in a text file.

    Attributes:
        values: float64 [N, D].
        names: the names of the columns; empty: the file has none.
        left_out: whether a first column, in which pandas or R numbers the rows, is left out.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    left_out: bool


def parse(content: bytes) -> Text:
    """Find the table in the content of a text file.

    The separator is the one that gives every line the same number of cells, all of them numbers. The first
    line, or the last comment before the numbers, may name the columns.

    Raises:
        FormError: the file is not such a table, or can be read as two different ones.
    """
    everything = dict(enumerate(re.split(r"\r\n|\r|\n", _decoded(content)), start=1))
    filled = {number: line for number, line in everything.items() if line.strip()}
    lines = {number: line for number, line in filled.items() if not _COMMENT.match(line)}
    if not lines:
        raise FormError("holds comments, and no numbers" if filled else "is empty")
    first = min(lines)
    *_, comment = ["", *(line for number, line in filled.items() if number < first)]
    for form in _FORMS:
        try:
            return _read(form, lines, comment)
        except AmbiguousError:
            raise
        except FormError:
            continue
    some = list(lines.values())[:_LOOKED_AT]
    return _read(max(_LIKELY, key=lambda form: _numbers_in(form, some)), lines, comment)  # to raise its error


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FormError(f"not readable points (line {line} is not UTF-8); save it as UTF-8 text") from error
    if "\0" in text:
        raise FormError("not readable points (it has zero bytes, so it is not text); save it as UTF-8 text")
    return text


def _read(form: Form, lines: Lines, comment: str) -> Text:
    """The table in lines, read in a form.

    Raises:
        FormError: the lines do not have this form.
    """
    first, *numbered = lines
    header = form.cells(lines[first])
    named = form.are_names(header) or _is_of_pandas(header)
    if not named:
        numbered = [first, *numbered]
    width = len(form.cells(lines[numbered[0]])) if numbered else len(header)
    names = (
        header if named and len(header) == width else _names(form, lines[first] if named else comment, width)
    )
    if named and len(header) == width - 1 and lines[numbered[0]].startswith('"'):
        names = ["", *header]  # as R writes it: the column with the rows' names has no name
    if named and not names:
        raise FormError(
            f"line {numbered[0]} has {width} numbers, but line {first} has {len(header)} names, with "
            f"{form.name} between them"
        )
    if form.comma and width == 1 and not (named and "," not in header[0]):
        raise FormError("one column of decimal commas could also be two columns of whole numbers")
    rows = [_numbers(form, number, lines[number], width) for number in numbered]
    values = np.array(rows, dtype=np.float64).reshape(-1, width)
    if form.comma:
        _refuse_thousands(form, lines)
    elif not names and len(rows) > 1:
        _refuse_numbers_as_names(form, lines)
    start = 0
    while start < min(width - 1, len(names)) and _is_index(names[start], values[:, start]):
        start += 1
    known = [one_line(name)[:_LONGEST] or f"x{index}" for index, name in enumerate(names, start=1)]
    return Text(values[:, start:], tuple(known[start:]), left_out=start > 0)


def _is_of_pandas(cells: Sequence[str]) -> bool:
    """Whether cells are an empty cell and 0, 1, 2, …: the header that pandas writes for unnamed columns."""
    return len(cells) > 1 and not cells[0] and list(cells[1:]) == [str(n) for n in range(len(cells) - 1)]


def _names(form: Form, line: str, width: int) -> list[str]:
    """The names of ``width`` columns in a comment or in a line of another form; empty: they are not there."""
    said = line.strip().lstrip("#").strip()
    for one in (form, *_POINTS):
        cells = one.cells(said)
        if len(cells) == width and one.are_names(cells) and all(cells):
            return cells
    return []


def _numbers(form: Form, number: int, line: str, width: int) -> list[float]:
    """The numbers in a line."""
    cells = form.cells(line)
    if len(cells) != width:
        raise FormError(f"line {number} has {len(cells)} numbers, not {width}, with {form.name} between them")
    found = []
    for index, cell in enumerate(cells, start=1):
        if (value := form.number(cell)) is None:
            where = f"cell {index}, with {form.name} between them"
            if len(cells) == 1:
                where = "there is one cell: separate cells by commas, semicolons, tabs or spaces"
            hint = "; write decimal points" if _COMMA.fullmatch(cell) else ""
            raise FormError(f"line {number} has {cell[:80]!r} where a number must be ({where}){hint}")
        found.append(value)
    return found


def _is_index(name: str, column: NDArray[np.float64]) -> bool:
    """Whether a column is an index: its name is pandas's for one, and its values are different integers."""
    whole = bool((column == column.round()).all())
    return _INDEX.fullmatch(name) is not None and whole and len(np.unique(column)) == len(column)


def _refuse_thousands(form: Form, lines: Lines) -> None:
    """Refuse decimal commas if every one of them could also separate thousands."""
    cells = ((number, cell) for number, line in lines.items() for cell in form.cells(line))
    found = [(number, cell) for number, cell in cells if _COMMA.fullmatch(cell)]
    if found and all(_THOUSANDS.fullmatch(cell) for _, cell in found):
        number, cell = found[0]
        raise AmbiguousError(
            f"line {number} has {cell!r}, which may be {cell.replace(',', '.')} or {cell.replace(',', '')}; "
            "write decimal points, and no separators of thousands"
        )


def _refuse_numbers_as_names(form: Form, lines: Lines) -> None:
    """Refuse a first line 0, 1, 2, … above fractions: pandas writes such names for unnamed columns."""
    first, second = (form.cells(line) for line in islice(lines.values(), 2))
    if len(first) > 1 and first == [str(n) for n in range(len(first))] and not any(map(_WHOLE.match, second)):
        raise AmbiguousError(
            f"line {min(lines)} is {', '.join(first[:3])}{', …' * (len(first) > 3)} above fractions: it may "
            "be a point, or names from pandas; remove it, or write 0.0 instead of 0"
        )


def _numbers_in(form: Form, lines: Sequence[str]) -> int:
    """How many cells are numbers if the lines are read in a form."""
    return sum(form.number(cell) is not None for line in lines for cell in form.cells(line))
