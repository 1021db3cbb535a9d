"""Picture files: reading them, whatever their size and depth, and saying what is wrong with the others."""

import math
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TypeVar

from PIL import Image, ImageOps, UnidentifiedImageError

from stages.gan.sources import depth
from stages.runtime.errors import UserError, one_line

T = TypeVar("T")

MOST = 500_000_000  # most pixels of a picture
_LARGE = 89_478_485  # larger pictures (pixels) are read one at a time and made smaller; Pillow warns of them
_NAMED = 10  # most unreadable pictures that a message names
_LETTERS = 40  # most letters of a name, or of a reason, in such a message
_GLANCE = 64  # pixels per side: enough to find out whether a picture can be read
_STARTS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"BM": "BMP", b"MM\0*": "TIFF"}
_STARTS |= {b"II*\0": "TIFF", b"RIFF": "WebP"}
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # about a picture's metadata
_ERRORS = (
    *(OSError, ValueError, SyntaxError, TypeError, EOFError, OverflowError, MemoryError, LookupError),
    *(struct.error, zlib.error),
)


class PictureError(UserError):
    """A picture that cannot be read.

    Attributes:
        path: its file.
        why: what is wrong with it, in a few words.
    """

    def __init__(self, path: Path, why: str, advice: str = "") -> None:
        super().__init__(f"{path}: not a readable picture ({why}){advice and '; '}{advice}")
        self.path, self.why = path, one_line(why)


def load(path: Path, white: float | None = None) -> Image.Image:
    """A picture of any format that Pillow reads, turned upright; of a file with several, the first one.

    A picture with more than 89 million pixels is made smaller, by a whole factor: nothing needs so many.

    Args:
        path: the file.
        white: the value that becomes 255 in a picture with more than 8 bits. None: colours are scaled to 8
            bits by their own largest value; grey keeps its bits, unless the picture has to be made smaller.

    Raises:
        PictureError: the file is missing or damaged, or has too many pixels or values below 0.
    """
    with _reading(path) as picture:
        if depth.is_deep(picture):
            found = depth.values(lambda: Image.open(path))
            if white is None and found.ndim == 2 and _factor(picture) == 1:
                return Image.fromarray(found)
            whole = found.dtype.kind != "f"
            read = depth.to_8_bits(found, white or depth.white(depth.largest(found), whole))
        else:
            picture.load()
            read = ImageOps.exif_transpose(picture)
        if (factor := _factor(read)) > 1:
            if read.mode in ("1", "P", "PA"):  # pixels of these modes cannot be averaged
                read = read.convert("RGBA" if read.has_transparency_data else "RGB")
            read = read.reduce(factor)
        return read


def largest(path: Path) -> tuple[float, bool] | None:
    """The largest value of a picture with more than 8 bits, and whether its values are whole numbers.

    None: the picture has 8 bits or fewer; its pixels are not read.

    Raises:
        PictureError: the picture cannot be read; see :func:`load`.
    """
    with _reading(path) as picture:
        if not depth.is_deep(picture):
            return None
        found = depth.values(lambda: Image.open(path))
        return depth.largest(found), found.dtype.kind != "f"


def check(path: Path) -> None:
    """Read a whole picture, only to check that it can be read.

    Raises:
        PictureError: the picture cannot be read; see :func:`load`.
    """
    with _reading(path) as picture:
        if depth.is_deep(picture):
            depth.values(lambda: Image.open(path))
        else:
            picture.draft(None, (_GLANCE, _GLANCE))  # decodes all of a JPEG, but builds fewer pixels
            picture.load()


def tried(work: Callable[[Path], T]) -> Callable[[Path], T | PictureError]:
    """The same work on a picture, but it returns a ``PictureError`` instead of raising it."""

    def tried(path: Path) -> T | PictureError:
        try:
            return work(path)
        except PictureError as error:
            return error

    return tried


def raise_together(faults: Sequence[PictureError], count: int, folder: Path | None = None) -> None:
    """Raise one error that names the pictures that cannot be read, if there are any, out of ``count``.

    Raises:
        UserError: there are such pictures.
    """
    if len(faults) == 1:
        raise faults[0]
    if faults:
        names = (fault.path.relative_to(folder) if folder else fault.path for fault in faults[:_NAMED])
        said = [
            f"{_short(name)} ({_short(fault.why.partition(':')[0])})"
            for name, fault in zip(names, faults, strict=False)
        ]
        said += [f"and {len(faults) - _NAMED:,} more"] if len(faults) > _NAMED else []
        where = f"{folder}: " if folder else ""
        raise UserError(
            f"{where}{len(faults):,} of {count:,} images cannot be read; replace or remove them: "
            f"{', '.join(said)}"
        )


def _short(text: object) -> str:
    whole = str(text)
    return whole if len(whole) <= _LETTERS else f"{whole[: _LETTERS // 2]}…{whole[-_LETTERS // 2 + 1 :]}"


def _factor(picture: Image.Image) -> int:
    """The factor by which the sides of a picture must be made smaller; 1 for most."""
    return math.ceil(math.sqrt(picture.width * picture.height / _LARGE))


class _Lifted:
    """Within the block, Pillow opens pictures of any size; its own limit is too low for today's phones.

    Pillow's limit is one for the whole process. It is restored when the last thread leaves the block.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads = 0
        self._limit: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._threads == 0:
                self._limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._threads += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._threads -= 1
            if self._threads == 0:
                Image.MAX_IMAGE_PIXELS = self._limit


_lifted = _Lifted()
_one_by_one = Lock()


@contextmanager
def _reading(path: Path) -> Iterator[Image.Image]:
    """Open a picture; errors within the block are raised as a ``PictureError`` of this picture."""
    try:
        with _lifted, Image.open(path) as picture:
            pixels, factor = picture.width * picture.height, _factor(picture)
            if pixels > MOST:
                why = f"it has {pixels / 1e6:,.0f} million pixels; at most {MOST // 10**6} million are read"
                raise PictureError(path, why, "make it smaller")
            if factor > 1:
                picture.draft(None, (picture.width // factor, picture.height // factor))  # if it is a JPEG
            with _one_by_one if factor > 1 else nullcontext():
                yield picture
    except depth.ValuesError as error:
        raise PictureError(path, str(error), "save it with 8 bits") from error
    except _ERRORS as error:
        raise PictureError(path, *_why(path, error)) from error


def _why(path: Path, error: Exception) -> tuple[str, str]:
    """What is wrong with a picture, and what to do."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror, ""
    if isinstance(error, MemoryError):
        return "not enough memory for it", "make it smaller"
    with path.open("rb") as file:
        start = file.read(12)
    if not start:
        return "it is empty", "replace it"
    kind = next((name for first, name in _STARTS.items() if start.startswith(first)), "")
    unknown = isinstance(error, UnidentifiedImageError)
    if unknown and not kind:
        return "its format is not known", "save it as PNG or JPEG"
    if unknown and kind == "TIFF":
        return "it is a damaged TIFF, or one of an unknown kind", "save it as PNG"
    said = "" if unknown else f": {error or type(error).__name__}"
    return f"it is a damaged {kind or 'picture'}{said}", "replace it"
