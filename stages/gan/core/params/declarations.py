"""What pieces (networks, losses, data sources) declare, read from their source text without running it.

``MlpGenerator`` (a class) or ``mlp_generator`` (a function) is the generator ``mlp`` of ``params.yaml``; the
arguments in its signature are its parameters there.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Union

from stages.runtime.errors import UserError

KINDS = ("generator", "discriminator", "loss", "source")

_SCIENCE = Path(__file__).parents[2]
_PACKAGE = __name__.rpartition(".core.")[0]
CUSTOM = _SCIENCE / "custom.py"
CUSTOM_PLACE = "stages/gan/custom.py"  # the path in messages
ROOMS = ("networks", "losses", "sources")  # the folders whose modules hold the project's pieces

# Arguments that a piece must take, and that params.yaml does not give: the project passes them.
_GIVEN = {"generator": ("latent", "shape"), "discriminator": ("shape",), "loss": (), "source": ()}
_METHODS = {
    "loss": ("discriminator(self, real, generated)", "generator(self, generated)"),
    "source": ("load(self, raw, show)",),
}
_SUPPLIED = ("weights", "masks", "rows")  # arguments that the project's networks get as well
_HELP = "or begin its name with _, if params.yaml should not find it"


@dataclass(frozen=True)
class Declaration:
    """A piece.

    Attributes:
        kind: generator, discriminator, loss or source.
        name: its name in params.yaml.
        symbol: its name in its module.
        path: the module's file.
        module: the module's dotted name; None for ``custom.py``, which is read again each time.
        line: the line of the file where it begins.
        arguments: annotation and default of each argument that params.yaml gives, by name; None where there
            is none.
        takes_classes: whether it is a discriminator that can be conditioned on the class.
    """

    kind: str
    name: str
    symbol: str
    path: Path
    module: str | None
    line: int
    arguments: Mapping[str, tuple[ast.expr | None, ast.expr | None]]
    takes_classes: bool = False

    @property
    def is_custom(self) -> bool:
        """Whether it is the user's own, in ``custom.py``."""
        return self.module is None

    @property
    def place(self) -> str:
        """The path of its file in messages."""
        return CUSTOM_PLACE if self.is_custom else f"stages/gan/{self.path.relative_to(_SCIENCE).as_posix()}"

    def fields(self, types: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Type and default of each argument; ``...`` instead of a default: the argument has none.

        Args:
            types: the types that an annotation may name.

        Raises:
            UserError: an annotation is missing or not of a known type, or a default is not a plain value.
        """
        found = {}
        for name, (annotation, default) in self.arguments.items():
            try:
                kind = _type(annotation, types)
            except ValueError as error:
                raise self.error(
                    f"{name} needs a type to check params.yaml against, such as {name}: int; possible types "
                    f"are {', '.join(types)}, lists of these (list[int]), Literal['a', 'b'], and … | None"
                ) from error
            try:
                value = ... if default is None else ast.literal_eval(default)
            except ValueError as error:
                raise self.error(f"{name}: its default must be a plain value, such as a number") from error
            found[name] = kind, value
        return found

    def error(self, why: str) -> UserError:
        """The error to raise if the piece cannot be used."""
        return UserError(f"{self.place}, line {self.line}: {self.symbol}: {why}")


def read() -> list[Declaration]:
    """All pieces: the project's, room by room, then those of ``custom.py``, if there is such a file.

    Raises:
        UserError: a file is not Python, something in it is named like a piece but is not one, or two pieces
            have the same name.
    """
    found: dict[tuple[str, str], Declaration] = {}
    for path in [*_project_files(), CUSTOM]:
        for declaration in _read_file(path):
            key = declaration.kind, declaration.name
            if key in found:
                other = found[key]
                if declaration.is_custom and not other.is_custom:
                    raise declaration.error(f"{key[1]} is the project's own; take another name")
                where = f"line {other.line}" if other.path == path else other.place
                raise declaration.error(f"the {key[0]} {key[1]} is already in {where}; take another name")
            found[key] = declaration
    return list(found.values())


def read_project() -> Iterator[Declaration]:
    """The project's pieces; see :func:`read`."""
    for path in _project_files():
        yield from _read_file(path)


def parse(path: Path) -> ast.Module:
    """A file's syntax tree; an empty one if there is no such file.

    Raises:
        UserError: the file is not Python.
    """
    try:
        return ast.parse(path.read_bytes())
    except FileNotFoundError:
        return ast.Module([], [])
    except (SyntaxError, ValueError) as error:
        place = CUSTOM_PLACE if path == CUSTOM else str(path)
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UserError(f"{place}{line}: is not Python: {getattr(error, 'msg', error)}") from error


def module_of(path: Path) -> str:
    """The dotted name of the module in a file of the science."""
    return ".".join([_PACKAGE, *path.relative_to(_SCIENCE).with_suffix("").parts])


def imported(path: Path) -> Iterator[Path]:
    """The files in ``networks``, ``losses`` and ``sources`` that a module imports directly."""
    yield from imported_by(parse(path), path)


def imported_by(tree: ast.Module, path: Path) -> Iterator[Path]:
    """Like :func:`imported`, for the syntax tree of a module or of a part of it."""
    package = _PACKAGE if path == CUSTOM else module_of(path).rpartition(".")[0]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, [above, node.module]))
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.removeprefix(f"{_PACKAGE}.").split(".")
            file = _SCIENCE.joinpath(*parts).with_suffix(".py")
            if name.startswith(f"{_PACKAGE}.") and parts[0] in ROOMS and file.exists():
                yield file


def _project_files() -> Iterator[Path]:
    for room in ROOMS:
        yield from (path for path in sorted((_SCIENCE / room).glob("*.py")) if path.stem != "__init__")


def _read_file(path: Path) -> Iterator[Declaration]:
    tree = parse(path)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            declaration = _declaration(node, classes, path)
            if declaration is not None:
                yield declaration


def _declaration(
    node: ast.ClassDef | ast.FunctionDef, classes: Mapping[str, ast.ClassDef], path: Path
) -> Declaration | None:
    """What a class or function declares: ``residual_loss`` or ``ResidualLoss`` is the loss ``residual``."""
    symbol = node.name
    words = symbol
    if isinstance(node, ast.ClassDef):
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", symbol).lower()
    name, _, kind = words.rpartition("_")
    if symbol.startswith("_") or kind not in KINDS:
        return None
    module = None if path == CUSTOM else module_of(path)
    bare = Declaration(kind, name, symbol, path, module, node.lineno, {})
    if not name:
        raise bare.error(f"params.yaml needs a name, such as Residual{kind.title()}; {_HELP}")
    if kind in _METHODS:
        _check_methods(node, bare)
    init = node if isinstance(node, ast.FunctionDef) else _method(node, "__init__", classes)
    if init is None and kind in _METHODS:
        return bare
    given = _GIVEN[kind]
    if init is None:
        raise bare.error(f"needs an __init__ of its own that takes {' and '.join(given)}; {_HELP}")
    arguments = _arguments(init, isinstance(node, ast.ClassDef), bare)
    for name_ in given:
        if name_ not in arguments:
            raise bare.error(f"must take {' and '.join(given)}, beside its own arguments; {_HELP}")
        del arguments[name_]
    takes_classes = kind == "discriminator" and arguments.pop("classes", None) is not None
    if module is not None:
        arguments = {key: value for key, value in arguments.items() if key not in _SUPPLIED}
    return replace(bare, arguments=arguments, takes_classes=takes_classes)


def _arguments(
    init: ast.FunctionDef, is_method: bool, bare: Declaration
) -> dict[str, tuple[ast.expr | None, ast.expr | None]]:
    """Annotation and default of each argument, without ``self``."""
    about = init.args
    if about.vararg or about.kwarg or about.posonlyargs:
        raise bare.error("each of its arguments must have a name, without *, ** and /, for params.yaml")
    named = [*about.args, *about.kwonlyargs][is_method:]
    first = [None] * (len(about.args) - len(about.defaults))
    defaults = [*first, *about.defaults, *about.kw_defaults][is_method:]
    return {a.arg: (a.annotation, d) for a, d in zip(named, defaults, strict=True)}


def _check_methods(node: ast.ClassDef | ast.FunctionDef, bare: Declaration) -> None:
    """Refuse a loss or a source that is not a class with certain methods, its own or inherited ones."""
    wanted = _METHODS[bare.kind]
    others = [base for base in getattr(node, "bases", ()) if getattr(base, "id", None) != "Source"]
    if not isinstance(node, ast.ClassDef) or not (
        others or all(_method(node, method.partition("(")[0], {}) is not None for method in wanted)
    ):
        what = f"method{'s'[: len(wanted) > 1]} {' and '.join(wanted)}"
        raise bare.error(f"a {bare.kind} is a class with the {what}; {_HELP}")


def _method(node: ast.ClassDef, name: str, classes: Mapping[str, ast.ClassDef]) -> ast.FunctionDef | None:
    """A class's method: its own, or that of a base class in the same file."""
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            return statement
    bases = (classes.get(base.id) for base in node.bases if isinstance(base, ast.Name))
    return next((found for base in bases if base and (found := _method(base, name, classes))), None)


def _type(annotation: ast.expr | None, types: Mapping[str, Any]) -> Any:
    """The type that an annotation stands for.

    Raises:
        ValueError: a value in params.yaml cannot have it.
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
