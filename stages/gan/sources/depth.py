"""Pictures with more than 8 bits per value: reading their values, and finding the one that is white."""

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

_BITS = (8, 10, 12, 14, *range(16, 33))  # possible numbers of bits of whole numbers
_COLOURS = re.compile(r"(RGB[AX]?|LA|R|G|B|A);16[BLN]")  # Pillow's names of layouts with 16 bits per value
_OTHER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # the opposite byte order
_AT_ONCE = 2**22  # values that are converted to 8 bits at once

Values = NDArray[np.generic]


class ValuesError(Exception):
    """A picture has values that cannot be a brightness."""


def is_deep(picture: Image.Image) -> bool:
    """Whether a picture that is not loaded yet has more than 8 bits per value."""
    return picture.mode.startswith(("I", "F")) or _COLOURS.fullmatch(_raw_mode(picture)) is not None


def values(opened: Callable[[], Image.Image]) -> Values:
    """The values of a deep picture, turned upright: [H, W] if grey, [H, W, 3] if in colour; 4 if transparent.

    Of colours with 16 bits, Pillow reads only the upper 8 bits. So the picture is read twice, the second time
    with the bytes in the opposite order.

    Args:
        opened: opens the picture again at each call.

    Raises:
        ValuesError: some values are below 0 or not finite.
    """
    with opened() as first:
        colours = not first.mode.startswith(("I", "F"))
        upper = _upright(first)
    if not colours:
        if upper.dtype.kind == "f" and not np.isfinite(upper).all():
            raise ValuesError("it holds values that are not finite numbers")
        if (least := upper.min()) < 0:
            raise ValuesError(f"it holds values below 0: {least:,.10g}, so its black is not known")
        return upper
    with opened() as second:
        if _raw_mode(second).startswith("LA"):  # Pillow knows this layout in one byte order only
            return upper.astype(np.uint16) * 257
        tiles: Any = second
        tiles.tile = [tile._replace(args=_swapped(tile.args)) for tile in tiles.tile]
        both: Values = upper.astype(np.uint16) * 256 + _upright(second).astype(np.uint16)
        return both


def largest(found: Values) -> float:
    """The largest of a picture's values, without those of transparency."""
    return float((found[..., :3] if found.ndim == 3 else found).max())


def white(most: float, whole: bool) -> float:
    """The value that is shown as white: the largest one that the pictures' number of bits can hold.

    The number of bits is found from the largest value. If no value is above 1, white is 1; if there are
    fractions and values above 1, white is the largest value.

    Args:
        most: the largest value of all pictures that are shown on one scale.
        whole: whether all values are whole numbers.
    """
    if most <= 1 or not whole:
        return max(1.0, most)
    return next((float(2**bits - 1) for bits in _BITS if most < 2**bits), most)


def to_8_bits(found: Values, full: float) -> Image.Image:
    """Values as a picture with 8 bits: ``full`` and all larger values become 255."""
    scale = np.full(found.shape[2:], full, dtype=np.float64)
    if found.ndim == 3 and found.shape[2] == 4:  # transparency has its own scale
        scale[3] = white(float(found[..., 3].max()), whole=True)
    shown = np.empty(found.shape, dtype=np.uint8)
    for rows in np.array_split(np.arange(len(found)), -(-found.size // _AT_ONCE)):
        shown[rows] = (found[rows].astype(np.float64) * 255 / scale).clip(0, 255)
    return Image.fromarray(shown)


def _upright(picture: Image.Image) -> NDArray[np.generic]:
    return np.asarray(ImageOps.exif_transpose(picture))


def _raw_mode(picture: Image.Image) -> str:
    """Pillow's name for the layout of a picture's pixels in its file; empty: not known, or already loaded."""
    tiles = getattr(picture, "tile", ())
    args = tiles[0].args if tiles else ""
    return str(args[0]) if isinstance(args, tuple) else str(args or "")


def _swapped(args: object) -> object:
    """A layout of pixels in a file with the opposite byte order."""
    if isinstance(args, tuple):
        return (_swapped(args[0]), *args[1:])
    return f"{str(args)[:-1]}{_OTHER[str(args)[-1]]}"
