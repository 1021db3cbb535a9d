"""The colours and the style of all pictures."""

from typing import Any

REAL, GENERATED, NOISE = "#3b6fb6", "#e07b39", "#777777"
STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.dpi": 110,
    "font.size": 9,
    "text.parse_math": False,  # names are as they are, whatever signs are in them
}
