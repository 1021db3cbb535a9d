"""params.yaml under random changes: it is valid, or refused in one line; never another exception."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.gan.core import params
from stages.runtime.errors import UserError
from tests import calls

CONTENT = yaml.safe_load(calls.PARAMS.read_text())
repeatable = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=list(HealthCheck),
)

KEYS = st.sampled_from(
    ["sine", "train", "lr", "epochs", "seeds", "experiments", "device", "hidden", "network", "source", "data"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**30, 10**400, 1e-320, 1e308, -0.0]),
    st.floats(allow_subnormal=False),  # the tests flush those to zero
    st.text(max_size=20),
    st.dates(),
    st.binary(max_size=8),
    st.sampled_from(["sine", "mlp", "conv", "cnn", "auto", "1e-4", "nan", "-inf", "../x", "a\nb", "\x1b[0m"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS | st.text(max_size=8) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all values within a structure."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    found = []
    for key, value in inner:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
    return found


PLACES = places(CONTENT)


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """The parameters with one to three changes, each somewhere: dropped, added, renamed, or another value."""
    content = copy.deepcopy(CONTENT)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(PLACES))
        block = content
        try:
            for key in way:
                block = block[key]
            match draw(st.sampled_from(["drop", "add", "rename", "value", "value", "value"])):
                case "drop":
                    del block[last]
                case "add":
                    block[draw(KEYS | st.text(max_size=12) | st.integers())] = draw(VALUES)
                case "rename":
                    block[str(last) + draw(st.text(max_size=3))] = block.pop(last)
                case "value":
                    block[last] = draw(VALUES)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change has taken that place away
    return content


def check(path: Path) -> None:
    """What is loaded is valid, and gives an experiment; or there is one line."""
    try:
        known = params.load(path)
        for name in [*known.settings.experiments, "none-such"]:
            assert isinstance(params.select(known, name, path), params.Experiment)
            params.flatten(known.experiments[name])
    except UserError as error:
        line = str(error)
        assert line.startswith(f"{path}: ")
        assert line.isprintable()
        assert len(line) < 2000
    else:
        pytest.fail("there is no experiment none-such")


@repeatable
@given(content=changed())
def test_changed_parameters(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    check(path)


TEXT = yaml.safe_dump(CONTENT, sort_keys=False)
SIGNS = [
    "\n",
    " ",
    "\t",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "|",
    ">",
    "'",
    '"',
    "#",
    "%",
    "@",
    "?",
    "\x00",
    "---\n",
]
WORDS = [
    "&a ",
    "*a",
    "<<: ",
    "!!",
    "!!int ",
    "!!timestamp ",
    "!!python/name:os ",
    "0x",
    "1_",
    "1:1",
    "2001-1-1",
]
SNIPPETS = st.sampled_from(SIGNS + WORDS) | st.text(max_size=3)
CHANGES = st.tuples(st.integers(0, len(TEXT)), st.integers(0, 5), SNIPPETS)


@repeatable
@given(where=st.lists(CHANGES, min_size=1, max_size=4))
def test_changed_text(where, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "params.yaml"
    text = TEXT
    for start, length, snippet in where:
        text = text[:start] + snippet + text[start + length :]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    check(path)


@repeatable
@given(content=st.binary(max_size=60) | st.lists(SNIPPETS, max_size=30).map(lambda p: "".join(p).encode()))
def test_any_bytes(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "params.yaml"
    path.write_bytes(content)
    check(path)
