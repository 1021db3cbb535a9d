"""The networks and losses that ``own.py`` declares, found by their names; it is read without being run."""

import ast
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Union

from stages.gan.errors import UserError, lack

PATH = Path(__file__).with_name("own.py")
PLACE = "stages/gan/own.py"  # as messages name it

_GIVEN = {"generator": ("latent", "shape"), "discriminator": ("shape",), "loss": ()}  # to each kind
_HELP = "or let its name begin with _, if params.yaml is not to know it"


@dataclass(frozen=True)
class Declaration:
    """A network, or a loss, of ``own.py``.

    Attributes:
        kind: generator, discriminator or loss.
        name: that it has in params.yaml.
        symbol: that it has in ``own.py``.
        line: where it begins there.
        arguments: those that params.yaml gives, by name: their annotation, and their default if there is one.
    """

    kind: str
    name: str
    symbol: str
    line: int
    arguments: Mapping[str, tuple[ast.expr | None, ast.expr | None]]

    def fields(self, types: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Type and default (``...``: there is none) of each of the arguments.

        Args:
            types: what a name in an annotation stands for.

        Raises:
            UserError: there is no annotation, or it is of another kind; or the default is no plain value.
        """
        found = {}
        for name, (annotation, default) in self.arguments.items():
            try:
                kind = _type(annotation, types)
            except ValueError as error:
                raise self.refused(
                    f"{name} needs a type that params.yaml can be checked by, such as {name}: int; there are "
                    f"{', '.join(types)}, lists of these (list[int]), Literal['a', 'b'], and … | None"
                ) from error
            try:
                value = ... if default is None else ast.literal_eval(default)
            except ValueError as error:
                raise self.refused(f"{name}: its default must be a plain value, such as a number") from error
            found[name] = kind, value
        return found

    def refused(self, why: str) -> UserError:
        """What to raise where it cannot be used."""
        return UserError(f"{PLACE}, line {self.line}: {self.symbol}: {why}")


def read() -> list[Declaration]:
    """All that ``own.py`` declares; nothing where there is no such file.

    Raises:
        UserError: it is not Python, or something in it is named like a network or a loss, but is none.
    """
    found: dict[tuple[str, str], Declaration] = {}
    for node in _parse().body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and (declaration := _declaration(node)):
            key = declaration.kind, declaration.name
            if key in found:
                raise declaration.refused(
                    f"the {key[0]} {key[1]} is already on line {found[key].line}; take another name"
                )
            found[key] = declaration
    return list(found.values())


def find(kind: str, name: str) -> Declaration:
    """What ``own.py`` declares under a name of params.yaml.

    Raises:
        UserError: it has no such thing.
    """
    for declaration in read():
        if (declaration.kind, declaration.name) == (kind, name):
            return declaration
    raise UserError(f"{PLACE}: has no {kind} named {name}; write {name}_{kind}")


def load(declaration: Declaration) -> Any:
    """Run ``own.py``; returns the function or class.

    Raises:
        UserError: it raises something; the message names the line.
    """
    module = ModuleType("stages.gan.own")
    sys.modules[module.__name__] = module  # dataclasses look there
    with blaming(declaration):
        # What is compiled is what was read: Python's own cache goes by the second of the last change.
        exec(compile(PATH.read_bytes(), str(PATH), "exec"), module.__dict__)
        return getattr(module, declaration.symbol)


def code(used: Iterable[Declaration]) -> str:
    """The text of ``own.py`` that some of its networks and losses depend on.

    That is all of it, but the others, unless they are mentioned: who adds another changes nothing for these.
    """
    names = {declaration.symbol for declaration in used}
    if not names:
        return ""
    others = {declaration.symbol for declaration in read()} - names
    tree = _parse()
    while True:
        kept = [node for node in tree.body if getattr(node, "name", None) not in others]
        inner = (inner for node in kept for inner in ast.walk(node))
        mentioned = others & {node.id for node in inner if isinstance(node, ast.Name)}
        if not mentioned:
            break
        others -= mentioned
    lines = PATH.read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for node in kept for line in lines[_first(node) - 1 : node.end_lineno])


@contextmanager
def blaming(declaration: Declaration) -> Iterator[None]:
    """Within the block, what ``own.py`` raises becomes one line that names the line there."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if lack(error) is not None:  # such as memory
            raise
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == str(PATH)), declaration.line)
        reason = f"{type(error).__name__}: {error}"[:300]
        raise UserError(f"{PLACE}, line {line}: {declaration.symbol}: {reason}") from error


def _parse() -> ast.Module:
    try:
        return ast.parse(PATH.read_bytes())
    except FileNotFoundError:
        return ast.Module([], [])
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UserError(f"{PLACE}{line}: is not Python: {getattr(error, 'msg', error)}") from error


def _first(node: ast.stmt) -> int:
    """The first line of a statement, which may be that of a decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _declaration(node: ast.ClassDef | ast.FunctionDef) -> Declaration | None:
    """What a class or function declares: ``residual_loss`` or ``ResidualLoss`` is the loss ``residual``."""
    symbol = node.name
    words = symbol
    if isinstance(node, ast.ClassDef):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", symbol).lower()
    name, _, kind = words.rpartition("_")
    if symbol.startswith("_") or kind not in _GIVEN:
        return None
    bare = Declaration(kind, name, symbol, node.lineno, {})
    if not name:
        raise bare.refused(f"params.yaml needs a name, such as Residual{kind.title()}; {_HELP}")
    if kind == "loss":
        _check_loss(node, bare)
        return bare
    init = node if isinstance(node, ast.FunctionDef) else _method(node, "__init__")
    if init is None:
        raise bare.refused(f"needs an __init__ of its own that takes {' and '.join(_GIVEN[kind])}; {_HELP}")
    about = init.args
    if about.vararg or about.kwarg or about.posonlyargs:
        raise bare.refused("each of its arguments must have a name, without *, ** and /, for params.yaml")
    named = [*about.args, *about.kwonlyargs][isinstance(node, ast.ClassDef) :]
    first = [None] * (len(about.args) - len(about.defaults))
    defaults = [*first, *about.defaults, *about.kw_defaults][isinstance(node, ast.ClassDef) :]
    arguments = {a.arg: (a.annotation, d) for a, d in zip(named, defaults, strict=True)}
    for given in _GIVEN[kind]:
        if given not in arguments:
            raise bare.refused(f"must take {' and '.join(_GIVEN[kind])}, beside what is its own; {_HELP}")
        del arguments[given]
    return Declaration(kind, name, symbol, node.lineno, arguments)


def _check_loss(node: ast.ClassDef | ast.FunctionDef, bare: Declaration) -> None:
    """A loss is a class with two methods, which it may inherit."""
    wanted = ("discriminator", "generator")
    if not isinstance(node, ast.ClassDef) or not (
        node.bases or all(_method(node, method) is not None for method in wanted)
    ):
        raise bare.refused(
            f"a loss is a class with the methods {wanted[0]}(self, logits) and {wanted[1]}(self, logits); "
            f"{_HELP}"
        )


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == name), None)


def _type(annotation: ast.expr | None, types: Mapping[str, Any]) -> Any:
    """The type that an annotation stands for.

    Raises:
        ValueError: it is none that a value in params.yaml can have.
    """
    match annotation:
        case ast.Name(id=name) if name in types:
            return types[name]
        case ast.Constant(value=None):
            return None
        case ast.Subscript(value=ast.Name(id="list" | "Sequence"), slice=inner):
            return list[_type(inner, types)]  # type: ignore[misc]
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            values = ast.literal_eval(inner)
            literal: Any = Literal
            return literal[values]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union[_type(left, types), _type(right, types)]  # noqa: UP007
    raise ValueError("no such type")
