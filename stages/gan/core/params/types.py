"""The types that parameters have, with their ranges: what pieces declare their arguments by."""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field


def _number(value: object) -> object:
    """Read ``1e-4`` as the number it is: YAML 1.1 takes it for text, as it has no dot."""
    is_number = isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+", value)
    return float(str(value)) if is_number else value


def _no_number(value: object) -> object:
    """Refuse 1 and 0, which Python takes for true and false."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"should be 'auto', true or false, got {value}")
    return value


@dataclass(frozen=True)
class Convolutions:
    """What a list of widths stands for: the maps of convolutions, each of which halves an image's sides.

    Attributes:
        kernel: weights between two maps.
        even: whether the sides must halve evenly, as where they are doubled again; else they round down.
    """

    kernel: int
    even: bool = False


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Several = Annotated[int, Field(ge=2, le=100_000_000)]
Count = Annotated[int, Field(ge=1, le=100_000_000)]
Shown = Annotated[int, Field(ge=1, le=10_000)]
Width = Annotated[int, Field(ge=1, le=65_536)]
Widths = Annotated[list[Width], Field(min_length=1, max_length=64)]
Halvings = Annotated[Widths, Convolutions(kernel=16)]
EvenHalvings = Annotated[Widths, Convolutions(kernel=16, even=True)]
Poolings = Annotated[Widths, Convolutions(kernel=9)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Side = Annotated[int, Field(ge=4, le=1024)]
LearningRate = Annotated[Number, Field(gt=0, le=1)]
Beta = Annotated[Number, Field(ge=0, lt=1)]
Probability = Annotated[Number, Field(ge=0, lt=1)]
Switch = Annotated[Literal["auto", True, False], BeforeValidator(_no_number)]
Place = Annotated[str, Field(min_length=1, max_length=4096)]

# What a name in the annotation of a piece's argument stands for; the plain ones are without a range.
BY_NAME: dict[str, Any] = {
    **{"int": int, "float": Number, "bool": bool, "str": str},
    **{"Several": Several, "Count": Count, "Width": Width, "Widths": Widths, "Seed": Seed, "Side": Side},
    **{"Halvings": Halvings, "EvenHalvings": EvenHalvings, "Probability": Probability, "Place": Place},
}
