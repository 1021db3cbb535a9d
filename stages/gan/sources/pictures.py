"""Anybody's picture, made into what a judge of images was fitted on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stages.gan.sources import depth
from stages.gan.sources.picture_files import load as load
from stages.runtime.errors import UserError

_LOOK = 128  # pixels of the longer side that are looked at: averaged down to these, noise is less
_FAINT = 0.12  # contrast of black and white that is no ink yet
_PAPER = 0.25  # of the strongest ink: less is shade or noise of the background


@dataclass(frozen=True)
class Frame:
    """How the pictures of a data set were placed in their frame: ink on an empty background.

    Args:
        fill: the longer side of the ink, as a share of the frame's.
        by_mass: whether the ink's centre of mass is in the middle, or that of its bounding box.
    """

    fill: float
    by_mass: bool


# By the data's source. MNIST's digits were fitted into 20x20 pixels of 28x28, with their centre of mass in
# the middle (LeCun et al. 1998); scikit-learn's are 32x32 bitmaps that the ink fills, counted down to 8x8.
_MNIST, _FULL = Frame(20 / 28, by_mass=True), Frame(1, by_mass=False)
FRAMES = {"mnist": _MNIST, "emnist": _MNIST, "digits": _FULL, "fashion_mnist": _FULL, "kmnist": _FULL}


def fit(picture: Image.Image, shape: tuple[int, ...], frame: Frame | None, name: str) -> Tensor:
    """A picture as a sample, uint8 [C, H, W].

    Args:
        picture: the picture.
        shape: (C, H, W), with C 1 for grey or 3 for colours.
        frame: how the ink is to be placed, for grey ones; without it, the picture is resized as a whole.
        name: what the picture is called, for the message.

    Raises:
        UserError: there is no ink in it.
    """
    channels, height, width = shape
    if channels == 1 and frame is not None:
        if (ink := _ink(picture)) is None:
            raise UserError(
                f"{name}: there is nothing on it: it is of one colour, or what is there is too faint"
            )
        return torch.from_numpy(_placed(ink, height, width, frame)).unsqueeze(0)
    if picture.mode.startswith(("I", "F")):
        found = np.asarray(picture)
        picture = depth.to_8_bits(found, depth.white(depth.largest(found), found.dtype.kind != "f"))
    mode = "L" if channels == 1 else "RGB"
    resized = flat(picture, "white").convert(mode).resize((width, height), Image.Resampling.BOX)
    return torch.from_numpy(np.array(resized)).view(height, width, channels).permute(2, 0, 1).contiguous()


def flat(picture: Image.Image, color: str) -> Image.Image:
    """A picture without transparency: on a background of that colour, as RGB."""
    if picture.mode.startswith(("I", "F")):  # more than 8 bits: Pillow would cut, not scale
        values = np.asarray(picture, dtype=np.float64)
        low, high = values.min(), values.max()
        picture = Image.fromarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))
    if not (picture.has_transparency_data or picture.mode == "PA"):
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    background = Image.new("RGBA", picture.size, color)
    return Image.alpha_composite(background, picture).convert("RGB")


def _ink(picture: Image.Image) -> NDArray[np.float64] | None:
    """Where there is ink, [h, w], cut to it: from 0, none, to 1; what differs from the border."""
    for color in ("white", "black"):  # white ink on transparency cannot be seen on white
        grey = flat(picture, color).convert("L")
        if (ink := _seen(grey)) is not None:
            # Looked at once more, from near: it may be a small part of the picture.
            rows, columns = _extent(ink)
            down, across = grey.height / ink.shape[0], grey.width / ink.shape[1]
            left, top = max(0, round((columns.start - 1) * across)), max(0, round((rows.start - 1) * down))
            right, bottom = round((columns.stop + 1) * across), round((rows.stop + 1) * down)
            near = _seen(grey.crop((left, top, min(grey.width, right), min(grey.height, bottom))))
            ink = ink if near is None else near
            return ink[_extent(ink)]
    return None


def _seen(grey: Image.Image) -> NDArray[np.float64] | None:
    """The ink of a grey picture, averaged down to a size at which noise is small; or None: there is none."""
    small = grey.copy()
    small.thumbnail((_LOOK, _LOOK), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.float64) / 255
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    difference = values - np.median(border)
    dark, light = np.percentile(-difference, 99.9), np.percentile(difference, 99.9)
    strongest = max(dark, light)
    noise = np.median(np.abs(border - np.median(border)))
    if strongest < max(_FAINT, 6 * noise):
        return None
    ink = (-difference if dark > light else difference) / strongest
    return np.where(ink < max(_PAPER, 6 * noise / strongest), 0, ink).clip(0, 1)


def _extent(ink: NDArray[np.float64]) -> tuple[slice, slice]:
    """The rows and columns with ink in them, from the first to the last."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _placed(ink: NDArray[np.float64], height: int, width: int, frame: Frame) -> NDArray[np.uint8]:
    """Ink put into a frame [height, width] as that of the data was."""
    scale = frame.fill * min(height, width) / max(ink.shape)
    h, w = (max(1, round(side * scale)) for side in ink.shape)
    resized = Image.fromarray(ink.astype(np.float32)).resize((w, h), Image.Resampling.BOX)
    small = np.asarray(resized, dtype=np.float64)
    small = small / small.max()
    if frame.by_mass:  # in MNIST it is at pixel 14 of 0 to 27
        middle = [(small.sum(1 - axis) @ (np.arange(n) + 0.5)) / small.sum() for axis, n in enumerate((h, w))]
        top, left = (round(side / 2 + 0.5 - at) for side, at in zip((height, width), middle, strict=True))
    else:
        top, left = (height - h) // 2, (width - w) // 2
    top, left = min(max(0, top), height - h), min(max(0, left), width - w)
    placed = np.zeros((height, width), dtype=np.uint8)
    placed[top : top + h, left : left + w] = np.rint(255 * small)
    return placed
