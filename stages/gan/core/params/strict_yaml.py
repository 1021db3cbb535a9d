"""The YAML allowed in params.yaml: plain values, each key once, and no aliases that multiply when read."""

from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node

from stages.runtime import files
from stages.runtime.errors import UserError

_BYTES = 1_000_000  # of a file, at most
_VALUES = 100_000  # in a file, at most, counting what each alias repeats
_DEEP = "is not valid YAML: it is nested too deeply"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which builds no objects, but refuses equal keys instead of taking the last."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[object, int] = {}
        for key_node, _ in node.value:
            key = (key_node.tag, key_node.value) if isinstance(key_node.value, str) else id(key_node)
            line = key_node.start_mark.line + 1
            if key in seen:
                first = f"(first in line {seen[key]})"
                raise ConstructorError(
                    None, None, f"{key_node.value} is given twice {first}", key_node.start_mark
                )
            seen[key] = line
        return super().construct_mapping(node, deep)

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            # Such as the day 2001-99-99, or a number of 10,000 digits.
            raise ConstructorError(
                None, None, f"a value cannot be read ({error})", node.start_mark
            ) from error


def load(path: Path) -> Any:
    """The content of the YAML file at ``path``.

    Raises:
        UserError: the file is missing, not text, or not allowed YAML; the message says in which line and
            column.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_BYTES + 1)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}); run from the repository's root"
        ) from error
    if len(content) > _BYTES:
        raise UserError(f"{path}: is larger than a parameter file may be ({_BYTES:,} bytes)")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not valid YAML: byte {error.start} is not UTF-8 text") from error
    if (line := files.conflict(text)) is not None:
        raise UserError(
            f"{path}: has merge conflicts, the first in line {line}: choose its values by hand; then `make "
            "resolve` does the rest"
        )
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if _count(node, {}) > _VALUES:
            raise UserError(f"{path}: its aliases make more than {_VALUES:,} values; write fewer of them")
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = ", ".join(part for part in (error.problem, error.context) if part)
        raise UserError(f"{path}: is not valid YAML{where}: {reason}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"{path}: is not valid YAML in line {line}: {error.reason}") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: is not valid YAML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: {_DEEP}") from error
    finally:
        if loader is not None:
            loader.dispose()


def _count(node: Node, counted: dict[int, int]) -> int:
    """How many values a node stands for; values that aliases repeat count each time.

    A node that contains itself counts as more than are allowed.
    """
    if id(node) not in counted:
        counted[id(node)] = _VALUES + 1  # until it is known
        inner = node.value if isinstance(node.value, list) else []
        children = [child for item in inner for child in (item if isinstance(item, tuple) else (item,))]
        counted[id(node)] = 1 + sum(_count(child, counted) for child in children)
    return counted[id(node)]
