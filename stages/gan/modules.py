"""The project's modules that others need: what goes with a model, so that it runs without the project."""

import ast
from collections.abc import Iterable
from pathlib import Path

_FOLDER = Path(__file__).parent
_PACKAGE = "stages.gan"
_OF_A_MODEL = ("pyfunc", "own")  # what MLflow loads; a user's networks, found by name where there are any


def needed(names: Iterable[str] = _OF_A_MODEL) -> list[Path]:
    """The files of modules of this package, and of all those of it that they import.

    Args:
        names: of the modules, such as ``sampling``; by default, those that a model in MLflow begins with.
    """
    found: list[Path] = []
    waiting = [_FOLDER / "__init__.py", *(_FOLDER / f"{name}.py" for name in names)]
    while waiting:
        path = waiting.pop()
        if path.exists() and path not in found:
            found.append(path)
            waiting += _imported(path)
    return sorted(found)


def _imported(path: Path) -> Iterable[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a user's, half written: it matters to who uses it
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == _PACKAGE:
            yield from (_FOLDER / f"{alias.name}.py" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_PACKAGE}."):
            yield _FOLDER / f"{str(node.module).removeprefix(f'{_PACKAGE}.')}.py"


def renamed(path: Path, package: str) -> str:
    """The text of a module that belongs to a package of another name."""
    return path.read_text(encoding="utf-8").replace(_PACKAGE, package)
