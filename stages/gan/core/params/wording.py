"""Error messages about parameters: one line that names the file, the key and what is wrong."""

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from stages.runtime.errors import UserError

_RENAMED = {"r1_every": "penalty_every"}  # old names of parameters

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], content: object, path: Path, prefix: str = "") -> Model:
    """Check content against a schema.

    Args:
        model: the schema.
        content: what was read from the file.
        path: the file, for the error message.
        prefix: the key in the file whose value ``content`` is, for the error message.

    Returns:
        The content as a ``model``.

    Raises:
        UserError: the content does not fit the schema.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # A misspelled key is missing, too; the message about the key that is there helps more.
        problem = min(error.errors(), key=lambda problem: problem["type"] == "missing")
        location, known = _locate(model, problem["loc"])
        where = ".".join(short(part) for part in [prefix, *location] if part)
        raise UserError(f"{path}: {where + ': ' if where else ''}{_explain(problem, known)}") from error


def short(value: object) -> str:
    """A value as text of at most 80 characters."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _locate(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[list[str], list[str]]:
    """Where in the file pydantic's ``location`` is, and the keys that the block there may have.

    If an error is in one of several alternative blocks, pydantic adds the tag that chose this block, such as
    the name of the data source, to the location. No key in the file has that name, so it is removed.
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
    """The blocks that a field's type allows."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [block for part in get_args(annotation) for block in _blocks(part)]


def _explain(problem: Any, known: list[str]) -> str:
    if problem["type"] == "extra_forbidden":
        name = str(problem["loc"][-1]).lower()
        close = [_RENAMED[name]] if name in _RENAMED else difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        return f"no such parameter; {hint}"
    if problem["type"] == "missing":
        return "is missing"
    if problem["type"] == "too_short" and not problem["input"]:
        return "is empty, but must have at least one entry"
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
