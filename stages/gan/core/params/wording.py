"""What is wrong with parameters, in one line that names the file and the key."""

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from stages.runtime.errors import UserError

_RENAMED = {"r1_every": "penalty_every"}  # what parameters were called before

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], content: object, path: Path, prefix: str = "") -> Model:
    """Content as a model.

    Args:
        model: the schema.
        content: what was read.
        path: the file, for the message.
        prefix: the key whose value ``content`` is, likewise.

    Raises:
        UserError: it does not fit.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # A key that is misspelled is missing, too: what is there says more than what is not.
        problem = min(error.errors(), key=lambda problem: problem["type"] == "missing")
        location, known = _locate(model, problem["loc"])
        where = ".".join(short(part) for part in [prefix, *location] if part)
        raise UserError(f"{path}: {where + ': ' if where else ''}{_explain(problem, known)}") from error


def short(value: object) -> str:
    """A value as text that fits a line."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _locate(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[str], list[str]]:
    """Where in the file pydantic's ``location`` is, and the keys that the block there may have.

    Into the location of an error within one of several alternative blocks, pydantic puts the tag that chose
    it, such as the data's source; no key in the file has that name.
    """
    names: list[str] = []
    blocks = [model]
    for part in location[:-1]:
        fields = [block.model_fields[str(part)] for block in blocks if part in block.model_fields]
        if fields:
            blocks = [inner for field in fields for inner in _blocks(field.annotation)]
        elif len(blocks) > 1:
            blocks = [
                b for b in blocks if any(part in get_args(f.annotation) for f in b.model_fields.values())
            ]
            continue
        names.append(str(part))
    return [*names, *map(str, location[-1:])], [
        field.alias or key for block in blocks for key, field in block.model_fields.items()
    ]


def _blocks(annotation: Any) -> list[type[BaseModel]]:
    """The blocks that a field's type may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [block for part in get_args(annotation) for block in _blocks(part)]


def _explain(problem: Any, known: list[str]) -> str:
    if problem["type"] == "extra_forbidden":
        name = str(problem["loc"][-1]).lower()
        close = [_RENAMED[name]] if name in _RENAMED else difflib.get_close_matches(name, known, n=1)
        return f"no such parameter; did you mean {close[0]}?" if close else f"none of {', '.join(known)}"
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "too_short" and not problem["input"]:
        return "is empty, but must list something"
    if problem["type"].startswith("union_tag"):
        context = problem["ctx"]
        key = context["discriminator"].strip("'")
        choices = context.get("expected_tags")
        return f"{key} must be one of {choices}, got '{context['tag']}'" if choices else f"{key} is missing"
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if problem["type"] == "value_error":
        return str(message)
    if problem["type"] == "literal_error":
        message = message.replace("True", "true").replace("False", "false")  # as in YAML
    got = repr(problem["input"])
    return f"{message}, got {got if len(got) <= 60 else got[:57] + '...'}"
