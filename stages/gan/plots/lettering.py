"""Names of the user's in pictures: fonts for their letters, and as much of them as there is room for."""

import logging
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FaceFlags, FT2Font

from stages.runtime.errors import warn

_USUAL = "sans-serif"  # which is matplotlib's own DejaVu Sans, on all machines
_SELECTORS = range(0xFE00, 0xFE10)  # how the letter before is to look: no letters
_FINE = 20
_SAID = 12  # letters in a warning, at most

_boxes: set[str] = set()  # letters of which it is said that no font has them


def use_fonts(names: Iterable[str]) -> None:
    """Have texts that are made from now on take fonts that have the letters of names.

    The usual font stays the first. Others, if they are installed, are for letters that it lacks. Of letters
    that none has, which are drawn as boxes, it is said once.
    """
    letters = "".join(names)
    fonts, lacking = ((), "") if letters.isascii() else _fonts(frozenset(letters))
    mpl.rcParams["font.family"] = [_USUAL, *fonts]
    if new := [letter for letter in lacking if letter not in _boxes]:
        _boxes.update(new)
        more = f" and {len(new) - _SAID} more" if len(new) > _SAID else ""
        warn(
            f"no font on this machine has {' '.join(new[:_SAID])}{more}: pictures have boxes there; install "
            "one, such as Noto Sans CJK for Chinese, Japanese and Korean, and draw them again"
        )
    if fonts or lacking:
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font")
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # says it of each weight


def fit(
    names: Sequence[str], inches: float, size: float | str | None = None, weight: str = "normal"
) -> list[str]:
    """Names, or of those that are too long their two ends, with … between them; each another.

    Args:
        names: no two are the same.
        inches: how long each may be.
        size: of the letters; by default the usual one.
        weight: likewise.
    """
    look = FontProperties(size=size, weight=weight)
    shown = [_fit(name, 72 * inches, look) for name in names]
    alike = {name for name, count in Counter(shown).items() if count > 1}
    return [
        _fit(name, 72 * inches, look, f" ({number})") if short in alike else short
        for number, (name, short) in enumerate(zip(names, shown, strict=True), start=1)
    ]


def powers(*axes: Axis) -> None:
    """Have the numbers of logarithmic axes be read as formulas, which they are; all else is drawn already."""
    for axis in axes:
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            tick.label1.set_parse_math(True)


def width(name: str) -> int:
    """How wide a name is, in narrow letters: those of Chinese, Japanese and Korean count twice."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in name)


def _fit(name: str, points: float, look: FontProperties, end: str = "") -> str:
    """The name, or as much of its two ends, and ``end`` behind it, as is no longer than so many points."""
    most, least = len(name), 0
    if _length(name + end, look) <= points:
        return name + end
    while most - least > 1:  # ``most`` letters are too many
        kept = (most + least) // 2
        if _length(_ends(name, kept) + end, look) <= points:
            least = kept
        else:
            most = kept
    return _ends(name, least) + end


def _ends(name: str, kept: int) -> str:
    return f"{name[: -(-kept // 2)]}…{name[len(name) - kept // 2 :]}"


def _length(text: str, look: FontProperties) -> float:
    """How long a text is when it is drawn, in points."""
    families: list[str] = mpl.rcParams["font.family"]
    files = [FontProperties(family=[name], weight=look.get_weight()) for name in families]
    font = font_manager.get_font([font_manager.findfont(one) for one in files])
    font.set_size(look.get_size_in_points(), 72 * _FINE)  # at 72 dots, each letter is as wide as a whole dot
    font.set_text(text, 0.0)
    return float(font.get_width_height()[0]) / 64 / _FINE


@cache
def _fonts(letters: frozenset[str]) -> tuple[tuple[str, ...], str]:
    """Fonts for the letters which the usual one lacks, by name; and the letters that none has."""
    usual = FT2Font(font_manager.findfont(FontProperties(family=[_USUAL])))
    codes = {ord(letter) for letter in letters}.difference(_SELECTORS)
    lacking = {code for code in codes if not usual.get_char_index(code)}
    known = _installed(lacking) if lacking else {}
    chosen = []
    while best := max(known, key=lambda name: len(known[name] & lacking), default=None):
        if not known[best] & lacking:
            break
        chosen.append(best)
        lacking -= known[best]
    return tuple(chosen), "".join(map(chr, sorted(lacking)))


def _installed(codes: set[int]) -> dict[str, set[int]]:
    """The fonts on this machine, by name, in its order; and which of the codes of letters each has."""
    manager = font_manager.fontManager
    listed = {entry.fname for entry in manager.ttflist}
    for path in font_manager.findSystemFonts():  # matplotlib's list may be from before one was installed
        if path not in listed:
            with suppress(Exception):  # what is no font, as matplotlib has it
                manager.addfont(path)
    found: dict[str, set[int]] = {}
    for entry in sorted(manager.ttflist, key=lambda entry: (entry.name, entry.fname, entry.index)):
        own = Path(entry.fname).is_relative_to(mpl.get_data_path())  # for formulas
        if not own and entry.style == "normal" and entry.name not in found and "LastResort" not in entry.name:
            with suppress(Exception):
                font = FT2Font(entry.fname, face_index=entry.index)
                if FaceFlags.SCALABLE in font.face_flags:  # others, of pictures, have a size of their own
                    found[entry.name] = {code for code in codes if font.get_char_index(code)}
    return found
