"""Using pieces: finding them by name, loading them, and identifying the code that they consist of."""

import ast
import hashlib
import importlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from stages.gan.core.params import declarations
from stages.gan.core.params.declarations import CUSTOM_PLACE, Declaration
from stages.runtime.errors import UserError, describe_os_error


def find(kind: str, name: str) -> Declaration:
    """The piece of a kind with a name in params.yaml.

    Raises:
        UserError: there is no such piece.
    """
    for declaration in _project_first():
        if (declaration.kind, declaration.name) == (kind, name):
            return declaration
    raise UserError(f"there is no {kind} named {name}; write {name}_{kind} in {CUSTOM_PLACE}")


def _project_first() -> Iterator[Declaration]:
    """All pieces; the project's come before ``custom.py`` is read, so they do not need it to be right."""
    yield from declarations.read_project()
    yield from declarations.read()


def load(declaration: Declaration) -> Any:
    """The function or class of a piece; for a custom one, ``custom.py`` is run.

    Raises:
        UserError: ``custom.py`` raises an error; the message names the line.
    """
    if declaration.module is not None:
        return getattr(importlib.import_module(declaration.module), declaration.symbol)
    module = ModuleType(declarations.module_of(Path(declarations.__file__).parents[2] / "custom.py"))
    sys.modules[module.__name__] = module  # dataclasses look for their module there
    with errors_at(declaration):
        # An import could take an old version from Python's cache, which compares times in whole seconds.
        exec(compile(declaration.path.read_bytes(), str(declaration.path), "exec"), module.__dict__)
        return getattr(module, declaration.symbol)


def code(used: Iterable[Declaration]) -> str:
    """The code that pieces consist of: SHA-256 sums of the project's modules, and text of ``custom.py``.

    A module of the project counts together with the modules in ``networks``, ``losses`` and ``sources`` that
    it imports, directly or not. If a piece is in ``custom.py``, the text of that file counts, without the
    other pieces in it that this piece does not mention. So a new or edited piece changes nothing for others.
    """
    used = list(used)
    custom = [declaration for declaration in used if declaration.is_custom]
    waiting = [declaration.path for declaration in used if not declaration.is_custom]
    text = ""
    if custom:
        tree, text = _custom_code(custom)
        waiting += declarations.imported_by(tree, declarations.CUSTOM)
    modules: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in modules:
            modules.add(path)
            waiting += declarations.imported(path)
    named = {declarations.module_of(path): path.read_bytes() for path in modules}
    sums = (f"{name} {hashlib.sha256(named[name]).hexdigest()}\n" for name in sorted(named))
    return "".join(sums) + text


@contextmanager
def errors_at(declaration: Declaration) -> Iterator[None]:
    """Within the block, turn an error raised by ``custom.py`` into one line that names its line there.

    Errors of the project's own pieces pass unchanged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not declaration.is_custom or describe_os_error(error) is not None:  # such as no memory
            raise
        frames = traceback.extract_tb(error.__traceback__)
        place = str(declaration.path)
        line = next((f.lineno for f in reversed(frames) if f.filename == place), declaration.line)
        reason = f"{type(error).__name__}: {error}"[:300]
        raise UserError(f"{CUSTOM_PLACE}, line {line}: {declaration.symbol}: {reason}") from error


def _custom_code(used: Iterable[Declaration]) -> tuple[ast.Module, str]:
    """The part of ``custom.py`` that some of its pieces depend on, as a syntax tree and as text."""
    names = {declaration.symbol for declaration in used}
    everything = [declaration for declaration in declarations.read() if declaration.is_custom]
    others = {declaration.symbol for declaration in everything} - names
    path = declarations.CUSTOM
    tree = declarations.parse(path)
    while True:
        kept = [node for node in tree.body if getattr(node, "name", None) not in others]
        inner = (inner for node in kept for inner in ast.walk(node))
        mentioned = others & {node.id for node in inner if isinstance(node, ast.Name)}
        if not mentioned:
            break
        others -= mentioned
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "".join(f"{line}\n" for node in kept for line in lines[_first(node) - 1 : node.end_lineno])
    return ast.Module(kept, []), text


def _first(node: ast.stmt) -> int:
    """The first line of a statement, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
