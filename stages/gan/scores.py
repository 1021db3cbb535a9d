"""Scores as a file: flat names to numbers."""

import json
from pathlib import Path

Scores = dict[str, float]


def save(path: Path, scores: Scores) -> Scores:
    """Write scores as JSON, flat names to numbers, rounded to the six digits that mean something.

    Returns:
        The rounded scores.
    """
    rounded = {
        name: score if isinstance(score, int) else float(f"{score:.6g}") for name, score in scores.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded, indent=2) + "\n")
    return rounded
