"""Tables in text files: what separates their cells, which line names the columns, and their numbers."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from stages.runtime.errors import UserError, one_line

_LONGEST = 300  # letters of a column's name
_LOOKED_AT = 1000  # lines that say which form a file is meant to have, where it has none
_INDEX = re.compile(r"(Unnamed: 0(\.\d+)?)?")  # what pandas calls the column with its index, if anything
_COMMENT = re.compile(r"\s*#|sep=.$")  # as numpy.savetxt has them; or Excel's word on what separates
_BETWEEN = re.compile(r"[,;\s]+")
_WHOLE = re.compile(r"[+-]?[0-9]+$")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+")
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Lines = Mapping[int, str]  # by their numbers, from 1


class FormError(UserError):
    """A file is no table: which line, or which cell, says so."""


class AmbiguousError(FormError):
    """A file may be one table or another: which cell says so, and what makes it plain."""


@dataclass(frozen=True)
class Form:
    """How a table is written: what separates its cells, and whether decimals have a comma."""

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
        """The number in a cell; None: there is none."""
        if self.comma and "," in cell:
            cell = cell.replace(",", ".") if _COMMA.fullmatch(cell) else ""
        elif self.comma and "." in cell:
            cell = ""
        try:
            return None if "_" in cell else float(cell)
        except ValueError:
            return None

    def are_names(self, cells: Sequence[str]) -> bool:
        """Whether none of the cells is a number, or several with other signs between them."""
        return all(any(self.number(part) is None for part in _BETWEEN.split(cell)) for cell in cells)


_COMMAS, _SEMICOLONS, _TABS = Form(",", "commas"), Form(";", "semicolons"), Form("\t", "tabs")
_SPACES = Form(" ", "spaces")
_POINTS = [_COMMAS, _SEMICOLONS, _TABS, _SPACES]
_DECIMAL_COMMA = [Form(form.separator, form.name, comma=True) for form in _POINTS]
_FORMS = [*_POINTS, *_DECIMAL_COMMA]
_LIKELY = [_SEMICOLONS, _TABS, _COMMAS, _SPACES, *_DECIMAL_COMMA]  # what is in no number says more


@dataclass(frozen=True)
class Text:
    """The table in a text.

    Attributes:
        values: float64 [N, D].
        names: of the columns, where the text has any.
        left_out: whether a column before these is left out, in which pandas or R number the rows.
    """

    values: NDArray[np.float64]
    names: tuple[str, ...]
    left_out: bool


def parse(content: bytes) -> Text:
    """The table in a text file.

    The whole file says what separates the cells: that with which all lines have as many, and all of them are
    numbers. The first line may name the columns, or else the last comment before the numbers.

    Raises:
        FormError: there is no such table, or more than one.
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
    return _read(max(_LIKELY, key=lambda form: _numbers_in(form, some)), lines, comment)  # for what it raises


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FormError(f"not readable points (line {line} is no UTF-8); save it as text in UTF-8") from error
    if "\0" in text:
        raise FormError("not readable points (it has zero bytes, as no text has); save it as text in UTF-8")
    return text


def _read(form: Form, lines: Lines, comment: str) -> Text:
    """The table in lines, if it has this form."""
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
        names = ["", *header]  # as R writes it: its names of the rows are a column without one
    if named and not names:
        raise FormError(
            f"line {numbered[0]} has {width} numbers, but line {first} has {len(header)} names, with "
            f"{form.name} between them"
        )
    if form.comma and width == 1 and not (named and "," not in header[0]):
        raise FormError("one column of decimal commas may as well be two of whole numbers")
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
    """Whether cells are the names of columns that have none, after that of the index."""
    return len(cells) > 1 and not cells[0] and list(cells[1:]) == [str(n) for n in range(len(cells) - 1)]


def _names(form: Form, line: str, width: int) -> list[str]:
    """The names of so many columns in a comment, or in a line of another form, if it has these."""
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
                where = "there is one cell: commas, semicolons, tabs or spaces are to be between cells"
            hint = "; write decimal points" if _COMMA.fullmatch(cell) else ""
            raise FormError(f"line {number} has {cell[:80]!r} where a number must be ({where}){hint}")
        found.append(value)
    return found


def _is_index(name: str, column: NDArray[np.float64]) -> bool:
    """Whether a column is an index, by its name: it numbers the rows, perhaps with gaps, in any order."""
    whole = bool((column == column.round()).all())
    return _INDEX.fullmatch(name) is not None and whole and len(np.unique(column)) == len(column)


def _refuse_thousands(form: Form, lines: Lines) -> None:
    """Refuse numbers all of whose commas may as well be between thousands."""
    cells = ((number, cell) for number, line in lines.items() for cell in form.cells(line))
    found = [(number, cell) for number, cell in cells if _COMMA.fullmatch(cell)]
    if found and all(_THOUSANDS.fullmatch(cell) for _, cell in found):
        number, cell = found[0]
        raise AmbiguousError(
            f"line {number} has {cell!r}, which may be {cell.replace(',', '.')} or {cell.replace(',', '')}; "
            "write decimal points, and nothing between thousands"
        )


def _refuse_numbers_as_names(form: Form, lines: Lines) -> None:
    """Refuse a first line 0, 1, 2, … above fractions: pandas calls columns so that have no names."""
    first, second = (form.cells(line) for line in islice(lines.values(), 2))
    if len(first) > 1 and first == [str(n) for n in range(len(first))] and not any(map(_WHOLE.match, second)):
        raise AmbiguousError(
            f"line {min(lines)} is {', '.join(first[:3])}{', …' * (len(first) > 3)} above fractions: it may "
            "be a point, or names from pandas; remove it, or write 0.0 instead of 0"
        )


def _numbers_in(form: Form, lines: Sequence[str]) -> int:
    """How many of the cells that a form makes of lines are numbers."""
    return sum(form.number(cell) is not None for line in lines for cell in form.cells(line))
