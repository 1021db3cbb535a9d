"""Pieces of Markdown: tables, folded parts, means with their intervals."""

import math
from collections.abc import Iterable, Sequence

from stages.gan.report import intervals


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def folded(summary: str, lines: Sequence[str]) -> list[str]:
    """Lines that are shown on a click on the summary; none where there are none."""
    if not lines:
        return []
    return ["<details>", f"<summary>{summary}</summary>", "", *lines, "", "</details>", ""]


def number(mean: intervals.Mean) -> str:
    """A mean with half its interval, to the digits that this leaves it."""
    if not mean.half:
        return f"{mean.value:.4g}" + (" ± 0" if mean.half == 0 else "")
    if 0 < abs(mean.value) < 0.001 or mean.half < 0.00001:
        digits = 3 if abs(mean.value) < 0.001 else 6
        return f"{mean.value:.{digits}g} ± {mean.half:.2g}"
    decimals = max(0, 1 - math.floor(math.log10(mean.half)))
    return f"{mean.value:.{decimals}f} ± {mean.half:.{decimals}f}"
