"""Pictures of more than 8 bits: their values, and which of these is white."""

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

_BITS = (8, 10, 12, 14, *range(16, 33))  # that whole numbers may have
_COLOURS = re.compile(r"(RGB[AX]?|LA|R|G|B|A);16[BLN]")  # of 16 bits, as Pillow calls how they lie in a file
_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # the order of their two bytes
_AT_ONCE = 2**22  # values that are turned into 8 bits at once

Values = NDArray[np.generic]


class ValuesError(Exception):
    """Values that are no brightness."""


def is_deep(picture: Image.Image) -> bool:
    """Whether a picture, not loaded yet, has more than 8 bits."""
    return picture.mode.startswith(("I", "F")) or _COLOURS.fullmatch(_raw_mode(picture)) is not None


def values(opened: Callable[[], Image.Image]) -> Values:
    """The values of a deep picture, upright: [H, W] of grey, [H, W, 3] of colours; 4 with transparency.

    Of colours with 16 bits, Pillow reads the upper 8 alone. So they are read twice, the second time as if
    their bytes were in the other order.

    Args:
        opened: opens it, at each call anew.

    Raises:
        ValuesError: some are below 0, or no numbers.
    """
    with opened() as first:
        colours = not first.mode.startswith(("I", "F"))
        upper = _upright(first)
    if not colours:
        if upper.dtype.kind == "f" and not np.isfinite(upper).all():
            raise ValuesError("it holds values that are no numbers")
        if (least := upper.min()) < 0:
            raise ValuesError(f"it holds values below 0: {least:,.10g}, so its black is not known")
        return upper
    with opened() as second:
        if _raw_mode(second).startswith("LA"):  # which Pillow knows in one order only
            return upper.astype(np.uint16) * 257
        tiles: Any = second
        tiles.tile = [tile._replace(args=_swapped(tile.args)) for tile in tiles.tile]
        both: Values = upper.astype(np.uint16) * 256 + _upright(second).astype(np.uint16)
        return both


def largest(found: Values) -> float:
    """The largest of values; how opaque they are is none."""
    return float((found[..., :3] if found.ndim == 3 else found).max())


def white(most: float, whole: bool) -> float:
    """The value that is white where ``most`` is the largest: the most that so many bits can hold.

    It is 1 where none is above that. Fractions above 1 are of no number of bits: there it is the largest.

    Args:
        most: the largest value of all pictures that are shown alike.
        whole: whether all are whole numbers.
    """
    if most <= 1 or not whole:
        return max(1.0, most)
    return next((float(2**bits - 1) for bits in _BITS if most < 2**bits), most)


def to_8_bits(found: Values, full: float) -> Image.Image:
    """Values as a picture of 8 bits, in which ``full`` is 255, and so is what is above."""
    scale = np.full(found.shape[2:], full, dtype=np.float64)
    if found.ndim == 3 and found.shape[2] == 4:  # how opaque it is has a scale of its own
        scale[3] = white(float(found[..., 3].max()), whole=True)
    shown = np.empty(found.shape, dtype=np.uint8)
    for rows in np.array_split(np.arange(len(found)), -(-found.size // _AT_ONCE)):
        shown[rows] = (found[rows].astype(np.float64) * 255 / scale).clip(0, 255)
    return Image.fromarray(shown)


def _upright(picture: Image.Image) -> NDArray[np.generic]:
    return np.asarray(ImageOps.exif_transpose(picture))


def _raw_mode(picture: Image.Image) -> str:
    """How a picture's pixels lie in its file; empty where that is not known, or they are loaded."""
    tiles = getattr(picture, "tile", ())
    args = tiles[0].args if tiles else ""
    return str(args[0]) if isinstance(args, tuple) else str(args or "")


def _swapped(args: object) -> object:
    """What says how pixels lie in a file, but for their bytes, which are in the other order."""
    if isinstance(args, tuple):
        return (_swapped(args[0]), *args[1:])
    return f"{str(args)[:-1]}{_OTHER[str(args)[-1]]}"
