"""The types of parameters, with their ranges, which pieces use to annotate their arguments."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field


def _number(value: object) -> object:
    """Read ``1e-4`` as a number: YAML 1.1 takes it for text, because it has no dot."""
    is_number = isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+", value)
    return float(str(value)) if is_number else value


def _no_number(value: object) -> object:
    """Refuse 1 and 0, which Python takes for true and false."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"should be 'auto', true or false, got {value}")
    return value


def _run_name(value: str) -> str:
    """Check the name of a run, which is the path of its folder in data."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}/seed-(0|[1-9][0-9]{0,18})", value):
        raise ValueError(f"must be EXPERIMENT/seed-SEED, such as digits/seed-1, got {value[:60]!r}")
    return value


def _size(value: object) -> object:
    """Check a size of images: the side of squares, or height and width."""
    sides = value if isinstance(value, list) else [value, value]
    fits = [isinstance(side, int) and not isinstance(side, bool) and 4 <= side <= 1024 for side in sides]
    if len(fits) != 2 or not all(fits):
        got = repr(value)
        raise ValueError(
            "should be a whole number of pixels from 4 to 1024, or a list of two, the height and the width, "
            f"got {got if len(got) <= 60 else got[:57] + '...'}"
        )
    return value


@dataclass(frozen=True)
class Convolutions:
    """What a list of widths stands for: numbers of maps of convolutions, each of which halves the sides.

    Attributes:
        kernel: weights for each pair of an input map and an output map.
        even: whether the sides must be even each time, because they are doubled again; if not, halves are
            rounded down.
        between: whether the sides are halved only between one width and the next; halves are then rounded up.
    """

    kernel: int
    even: bool = False
    between: bool = False

    def too_many(self, count: int, sides: Sequence[int]) -> bool:
        """Whether ``count`` convolutions are too many for images of these sides, in pixels."""
        if self.between:
            return count > 1 and max(sides) <= 2 ** (count - 2)  # the last halving would change nothing
        return any(side >> count < 1 or (self.even and side % 2**count) for side in sides)


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Several = Annotated[int, Field(ge=2, le=100_000_000)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]
Shown = Annotated[int, Field(ge=1, le=10_000)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Widths = Annotated[list[Width], Field(min_length=1, max_length=64)]
Halvings = Annotated[Widths, Convolutions(kernel=16)]
EvenHalvings = Annotated[Widths, Convolutions(kernel=16, even=True)]
Levels = Annotated[Widths, Convolutions(kernel=9, between=True)]
Poolings = Annotated[Widths, Convolutions(kernel=9)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Side = Annotated[int, Field(ge=4, le=1024)]
Size = Annotated[Side | Annotated[list[Side], Field(min_length=2, max_length=2)], BeforeValidator(_size)]
LearningRate = Annotated[Number, Field(gt=0, le=1)]
Beta = Annotated[Number, Field(ge=0, lt=1)]
Probability = Annotated[Number, Field(ge=0, lt=1)]
Switch = Annotated[Literal["auto", True, False], BeforeValidator(_no_number)]
RunName = Annotated[str, AfterValidator(_run_name)]
Place = Annotated[str, Field(min_length=1, max_length=4096)]

# The types that annotations of a piece's arguments may name; the first four have no range.
BY_NAME: dict[str, Any] = {
    **{"int": int, "float": Number, "bool": bool, "str": str},
    **{"Several": Several, "Count": Count, "Width": Width, "Widths": Widths, "Seed": Seed, "Size": Size},
    **{
        "Halvings": Halvings,
        "EvenHalvings": EvenHalvings,
        "Levels": Levels,
        "Probability": Probability,
        "Place": Place,
    },
}
