"""Numbers in JSON files, flat names to numbers."""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from stages.runtime import files
from stages.runtime.errors import UserError


def save(path: Path, numbers: Mapping[str, float], why: str) -> dict[str, float]:
    """Write numbers as JSON, rounded to the six digits that mean something.

    Args:
        path: the file.
        numbers: by name.
        why: what it means, and what to do, if one is not finite.

    Returns:
        The rounded numbers.

    Raises:
        UserError: one is not finite.
    """
    if off := [name for name, number in numbers.items() if not isfinite(number)]:
        raise UserError(f"{path}: not written, as {off[0]} is not finite: {why}")
    rounded = {
        name: number if isinstance(number, int) else float(f"{number:.6g}")
        for name, number in numbers.items()
    }
    files.write(path, json.dumps(rounded, indent=2) + "\n")
    return rounded
