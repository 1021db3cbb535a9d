"""Pieces at work: found by their names, loaded, and named by the code that they consist of."""

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
    """The piece of a kind that has a name in params.yaml.

    Raises:
        UserError: there is none.
    """
    for declaration in _project_first():
        if (declaration.kind, declaration.name) == (kind, name):
            return declaration
    raise UserError(f"there is no {kind} named {name}; write {name}_{kind} in {CUSTOM_PLACE}")


def _project_first() -> Iterator[Declaration]:
    """All pieces; the project's before ``custom.py`` is read, which need not be right for these."""
    yield from declarations.read_project()
    yield from declarations.read()


def load(declaration: Declaration) -> Any:
    """The function or class of a piece; ``custom.py`` is run for that.

    Raises:
        UserError: ``custom.py`` raises something; the message names the line.
    """
    if declaration.module is not None:
        return getattr(importlib.import_module(declaration.module), declaration.symbol)
    module = ModuleType(declarations.module_of(Path(declarations.__file__).parents[2] / "custom.py"))
    sys.modules[module.__name__] = module  # dataclasses look there
    with errors_at(declaration):
        # What is compiled is what was read: Python's own cache goes by the second of the last change.
        exec(compile(declaration.path.read_bytes(), str(declaration.path), "exec"), module.__dict__)
        return getattr(module, declaration.symbol)


def code(used: Iterable[Declaration]) -> str:
    """The code that pieces consist of: the sums of the project's modules, and the text of the user's.

    Of ``custom.py`` that is all but the other pieces there, unless they are mentioned: who adds a piece, or
    edits one, changes nothing for the others. A module of the project counts with those of its room that it
    imports.
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
    """Within the block, what ``custom.py`` raises becomes one line that names the line there.

    What the project's pieces raise is theirs to word.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not declaration.is_custom or describe_os_error(error) is not None:  # such as memory
            raise
        frames = traceback.extract_tb(error.__traceback__)
        place = str(declaration.path)
        line = next((f.lineno for f in reversed(frames) if f.filename == place), declaration.line)
        reason = f"{type(error).__name__}: {error}"[:300]
        raise UserError(f"{CUSTOM_PLACE}, line {line}: {declaration.symbol}: {reason}") from error


def _custom_code(used: Iterable[Declaration]) -> tuple[ast.Module, str]:
    """What of ``custom.py`` some of its pieces depend on, as a tree and as text."""
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
    """The first line of a statement, which may be that of a decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
