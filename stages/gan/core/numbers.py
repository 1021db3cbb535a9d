"""JSON files of numbers by name, without nesting."""

import json
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from stages.runtime import files
from stages.runtime.errors import UserError


def save(path: Path, numbers: Mapping[str, float], why: str) -> dict[str, float]:
    """Write numbers as JSON: floats rounded to six significant digits, integers unchanged.

    Args:
        path: the file.
        numbers: the numbers by name.
        why: the end of the error message: why a number may not be finite, and what to do.

    Returns:
        The rounded numbers.

    Raises:
        UserError: a number is not finite.
    """
    if off := [name for name, number in numbers.items() if not isfinite(number)]:
        raise UserError(f"{path}: not written, because {off[0]} is not finite: {why}")
    rounded = {
        name: number if isinstance(number, int) else float(f"{number:.6g}")
        for name, number in numbers.items()
    }
    files.write(path, json.dumps(rounded, indent=2) + "\n")
    return rounded
