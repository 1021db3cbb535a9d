"""The page that says where each step of the article is: its links lead to the lines of what they name."""

import ast
import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "article.md"
PLACE = re.compile(r"^\[`([\w.]+)`\]: ([\w./]+)#L(\d+)-L(\d+)$", re.MULTILINE)


def lines(path: Path, name: str) -> tuple[int, int]:
    """The first and last line of a definition; its name may have the module's before it."""
    parts = name.split(".")
    node: ast.AST = ast.parse(path.read_text())
    for part in parts[1:] if parts[0] == path.stem else parts:
        found = [n for n in ast.iter_child_nodes(node) if getattr(n, "name", None) == part]
        assert found, f"{path.name} has no {name}"
        node = found[0]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    assert node.end_lineno is not None
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]), node.end_lineno


def test_each_link_leads_to_the_lines_of_the_definition_that_it_names():
    text = PAGE.read_text()
    wrong = []
    for name, path, *said in PLACE.findall(text):
        first, last = lines(PAGE.parent / path, name)
        if [str(first), str(last)] != said:
            wrong.append(f"[`{name}`]: {path}#L{first}-L{last}")
    assert not wrong, "the lines have changed; docs/article.md must say:\n" + "\n".join(wrong)


def test_each_definition_that_the_page_names_has_a_link_and_each_link_is_used():
    text = PAGE.read_text()
    used = re.findall(r"\[`([\w.]+)`\](?![(:])", text)
    places = [name for name, *_ in PLACE.findall(text)]
    assert set(used) == set(places)
    assert len(places) == len(set(places)) > 20
