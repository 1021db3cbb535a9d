"""Turning any picture into a sample like those that a judge of images was fitted on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from stages.gan.sources import depth
from stages.gan.sources.picture_files import load as load
from stages.runtime.errors import UserError

_LOOK = 128  # pixels of the longer side when looking for ink; averaging down to these reduces noise
_FAINT = 0.12  # share of the contrast of black and white below which there is no ink
_PAPER = 0.25  # share of the strongest ink below which it is shade or noise of the background


@dataclass(frozen=True)
class Frame:
    """How a data set placed the ink of its pictures on their empty background.

    Args:
        fill: the longer side of the ink, as a share of the picture's side.
        by_mass: whether the ink's centre of mass is in the middle, or the centre of its bounding box.
    """

    fill: float
    by_mass: bool


# By data source. MNIST's digits were fitted into 20x20 of 28x28 pixels, with their centre of mass in the
# middle (LeCun et al. 1998); scikit-learn's are 32x32 bitmaps filled by the ink, reduced to 8x8 by counting.
_MNIST, _FULL = Frame(20 / 28, by_mass=True), Frame(1, by_mass=False)
FRAMES = {"mnist": _MNIST, "emnist": _MNIST, "digits": _FULL, "fashion_mnist": _FULL, "kmnist": _FULL}


def fit(picture: Image.Image, shape: tuple[int, ...], frame: Frame | None, name: str) -> Tensor:
    """A picture as a sample, uint8 [C, H, W], 0 to 255.

    Args:
        picture: the picture.
        shape: (C, H, W), with C 1 for grey or 3 for colours.
        frame: where to place the ink in grey samples; None: the whole picture is resized.
        name: the picture's name, for the error message.

    Raises:
        UserError: there is no ink in the picture.
    """
    channels, height, width = shape
    if channels == 1 and frame is not None:
        if (ink := _ink(picture)) is None:
            raise UserError(
                f"{name}: there is nothing on it: it has one colour only, or what is on it is too faint"
            )
        return torch.from_numpy(_placed(ink, height, width, frame)).unsqueeze(0)
    if picture.mode.startswith(("I", "F")):
        found = np.asarray(picture)
        picture = depth.to_8_bits(found, depth.white(depth.largest(found), found.dtype.kind != "f"))
    mode = "L" if channels == 1 else "RGB"
    resized = flat(picture, "white").convert(mode).resize((width, height), Image.Resampling.BOX)
    return torch.from_numpy(np.array(resized)).view(height, width, channels).permute(2, 0, 1).contiguous()


def flat(picture: Image.Image, color: str) -> Image.Image:
    """A picture without transparency, as RGB: transparent pixels show a background of a colour."""
    if picture.mode.startswith(("I", "F")):  # more than 8 bits: Pillow would clip them, not scale
        values = np.asarray(picture, dtype=np.float64)
        low, high = values.min(), values.max()
        picture = Image.fromarray(((values - low) * (255 / max(high - low, 1e-9))).astype(np.uint8))
    if not (picture.has_transparency_data or picture.mode == "PA"):
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    background = Image.new("RGBA", picture.size, color)
    return Image.alpha_composite(background, picture).convert("RGB")


def _ink(picture: Image.Image) -> NDArray[np.float64] | None:
    """The ink, which is what differs from the border: [h, w], 0 (none) to 1, cropped to it; None: no ink."""
    for color in ("white", "black"):  # white ink on a transparent background cannot be seen on white
        grey = flat(picture, color).convert("L")
        if (ink := _seen(grey)) is not None:
            # Look again, at this part only: it may be a small part of the picture.
            rows, columns = _extent(ink)
            down, across = grey.height / ink.shape[0], grey.width / ink.shape[1]
            left, top = max(0, round((columns.start - 1) * across)), max(0, round((rows.start - 1) * down))
            right, bottom = round((columns.stop + 1) * across), round((rows.stop + 1) * down)
            near = _seen(grey.crop((left, top, min(grey.width, right), min(grey.height, bottom))))
            ink = ink if near is None else near
            return ink[_extent(ink)]
    return None


def _seen(grey: Image.Image) -> NDArray[np.float64] | None:
    """The ink of a grey picture, averaged down to a size at which noise is small; None: there is no ink."""
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
    """Place ink in a sample [height, width] as the data set's ink was placed."""
    scale = frame.fill * min(height, width) / max(ink.shape)
    h, w = (max(1, round(side * scale)) for side in ink.shape)
    resized = Image.fromarray(ink.astype(np.float32)).resize((w, h), Image.Resampling.BOX)
    small = np.asarray(resized, dtype=np.float64)
    small = small / small.max()
    if frame.by_mass:  # in MNIST, the centre of mass is at pixel 14 of 0 to 27
        middle = [(small.sum(1 - axis) @ (np.arange(n) + 0.5)) / small.sum() for axis, n in enumerate((h, w))]
        top, left = (round(side / 2 + 0.5 - at) for side, at in zip((height, width), middle, strict=True))
    else:
        top, left = (height - h) // 2, (width - w) // 2
    top, left = min(max(0, top), height - h), min(max(0, left), width - w)
    placed = np.zeros((height, width), dtype=np.uint8)
    placed[top : top + h, left : left + w] = np.rint(255 * small)
    return placed
