"""Reading ``params.yaml``: the settings, and the block of each experiment."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stages.gan.core.params import strict_yaml, wording
from stages.gan.core.params.blocks import Settings
from stages.gan.core.params.schema import Experiment, experiment_schema
from stages.runtime.errors import UserError

# The first three are other folders in data/; the rest cannot be folders on Windows.
_RESERVED = {"raw", "code", "sources", "con", "prn", "aux", "nul"}
_RESERVED |= {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}


class Params(BaseModel):
    """The content of ``params.yaml``: the settings, and the experiments by name."""

    settings: Settings
    experiments: dict[str, Experiment]


def load(path: Path) -> Params:
    """Read and check the parameters in the YAML file at ``path``.

    Raises:
        UserError: the file is missing, is not YAML, or holds an unknown key, a wrong type or an impossible
            value; the message names the file and the key, and suggests another key if it is misspelled.
    """
    content = _read(path)
    known = set(Settings.model_fields)
    names = content.get("experiments")
    listed = {n for n in names if isinstance(n, str)} if isinstance(names, list) else set()
    blocks = {key: value for key, value in content.items() if key not in known}
    for key, value in blocks.items():
        _check_name(path, key, value, known)
    settings = wording.validate(Settings, {k: v for k, v in content.items() if k in known}, path)
    for kind, values in (("experiments", settings.experiments), ("seeds", settings.seeds)):
        if len(set(values)) < len(values):
            raise UserError(f"{path}: {kind}: each may be listed once only, got {wording.short(values)}")
    for name in sorted(listed - set(blocks)):
        raise UserError(f"{path}: experiments: {_unknown(name, list(blocks))}")
    schema = experiment_schema()
    experiments = {name: wording.validate(schema, block, path, name) for name, block in blocks.items()}
    return Params.model_construct(settings=settings, experiments=experiments)


def select(params: Params, experiment: str, path: Path) -> Experiment:
    """The block of one experiment.

    Raises:
        UserError: there is no block of that name.
    """
    if experiment not in params.experiments:
        raise UserError(f"{path}: {_unknown(experiment, list(params.experiments))}")
    return params.experiments[experiment]


def flatten(block: BaseModel) -> dict[str, Any]:
    """A block's parameters by dotted names: ``{"train.lr": 0.001, …}``."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, child in value.items():
                yield from walk(f"{prefix}.{key}" if prefix else key, child)
        else:
            yield prefix, value

    return dict(walk("", block.model_dump()))


def _check_name(path: Path, key: object, value: object, settings: set[str]) -> None:
    """Refuse a top-level key that cannot be the name of an experiment."""
    if not isinstance(value, dict):
        close = difflib.get_close_matches(str(key), settings, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"{path}: {wording.short(key)}: neither a setting nor an experiment's block{hint}")
    if not isinstance(key, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", key):
        raise UserError(
            f"{path}: {wording.short(key)}: an experiment's name has at most 64 characters, a-z, 0-9, _ and "
            "-, and begins with a letter or digit (it becomes a folder's name)"
        )
    if key in _RESERVED:
        raise UserError(
            f"{path}: {key}: cannot be an experiment's name, because its folder in data cannot have this name"
        )


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name[:64].lower(), known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    there = wording.short(", ".join(known)) or "none"
    return f"no block named {wording.short(name)}; there are {there}{hint}"


def _read(path: Path) -> dict[Any, Any]:
    content = strict_yaml.load(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold keys and values, such as 'seeds: [111]'")
    return content
