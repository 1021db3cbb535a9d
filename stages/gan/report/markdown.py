"""Pieces of Markdown: escaped names, tables, folded parts, and numbers rounded by their spread."""

import math
import re
from collections.abc import Iterable, Sequence
from statistics import median, stdev

_DIGITS = 5  # at most
_DECIMALS = 8  # at most; of what is smaller, two digits


def plain(text: object) -> str:
    """A text, such as a path, escaped so that Markdown shows it as it is, also in a table."""
    signs = re.sub(r"[\\`*|~$]|(?<!\w)_|_(?!\w)|(?<=\])[(\[]", r"\\\g<0>", str(text))
    return signs.replace("&", "&amp;").replace("<", "&lt;")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def folded(summary: str, lines: Sequence[str]) -> list[str]:
    """Lines that are shown after a click on the summary; nothing if there are no lines."""
    if not lines:
        return []
    return ["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>", ""]


def seeds(values: Sequence[float]) -> str:
    """A score over seeds: median (lowest – highest). Of one seed it is the value alone, of none a dash.

    The last digit is worth at most a third of the spread over the seeds. The spread is the median absolute
    deviation times 1.48, as for the normal distribution (Rousseeuw & Croux 1993): a few collapsed seeds
    hardly change it. It is kept between a twentieth of the standard deviation and all of it.
    """
    if len(values) < 2:
        return f"{values[0]:.4g}" if values else "–"
    low, middle, high = min(values), median(values), max(values)
    deviation = stdev(values)
    robust = 1.4826 * median(abs(value - middle) for value in values)
    chance = min(deviation, max(robust, deviation / 20))
    if all(float(value).is_integer() for value in (low, middle, high)):
        chance = 0.0  # counts, which are exact
    largest = max(abs(low), abs(high))
    low_, middle_, high_ = (_rounded(value, chance, largest) for value in (low, middle, high))
    return f"{middle_} ({low_} – {high_})"


def spread(mean: float, deviation: float | None) -> str:
    """A mean ± a standard deviation; the last digit is worth at most a third of that."""
    if not deviation:
        return f"{mean:.4g}"
    largest = max(abs(mean), deviation)
    return f"{_rounded(mean, deviation, largest)} ± {_rounded(deviation, deviation, largest)}"


def _rounded(value: float, deviation: float, largest: float) -> str:
    """A value with as many decimals as its deviation justifies; ``largest`` gets five digits at most."""
    if deviation < 1e-9:  # zero, up to rounding
        return f"{value:.4g}"
    decimals = max(0, math.ceil(-math.log10(deviation / 3)))
    decimals = min(decimals, max(0, _DIGITS - 1 - math.floor(math.log10(largest)))) if largest else decimals
    if decimals > _DECIMALS:
        return f"{value:.2g}"
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # and no -0.0
