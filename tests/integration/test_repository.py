"""What the files of the repository promise one another."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from benchmarks import pipeline
from stages.gan.core.params.declarations import CUSTOM_PLACE, ROOMS
from tests import calls

SCIENCE, PIPELINE = Path("stages/gan"), Path("stages/pipeline")
MACHINERY = ("runtime", "tracking", "tools", "sweep")
FOR_ALL = [Path("stages/runtime/errors.py"), Path("stages/runtime/files.py")]  # of the machinery
# The rooms of the pieces whose code a stage has by data/code: those it finds by their names, not by imports.
CODE = {"prepare": ("sources",), "train": ("networks", "losses"), "sample": ("networks",)}


@pytest.fixture(scope="module")
def stages(root) -> dict:
    return yaml.safe_load((root / "dvc.yaml").read_text())["stages"]


def module_file(root: Path, name: str) -> Path | None:
    """The file of a module or package of the project; None if there is none of that name."""
    base = Path(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if (root / p).exists()), None)


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All of a module's nodes but those for type checkers alone."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield child
            yield from statements(child)


def imports(root: Path, path: Path) -> set[Path]:
    """The project's own modules that a file imports itself, wherever in it."""
    names: list[str | None] = []
    for node in statements(ast.parse((root / path).read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            names += [name if module_file(root, name) else node.module for name in inner]
    found = {module_file(root, name) for name in names if name and name.split(".")[0] == "stages"}
    return {file for file in found if file is not None}


def reached(root: Path, paths: Iterable[Path]) -> set[Path]:
    """Files, and all that they import, directly or not; not what the machinery imports."""
    waiting, found = list(paths), set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            if path.parts[1] not in MACHINERY:
                waiting += imports(root, path)
    return found


def pieces(root: Path, *rooms: str) -> set[Path]:
    """The modules with pieces in some rooms of the science, and those beside them."""
    files = (path for room in rooms for path in (root / SCIENCE / room).glob("*.py"))
    return {path.relative_to(root) for path in files if path.name != "__init__.py"}


def script(stage: dict) -> Path:
    """The file that a stage runs."""
    python, option, module, *_ = stage["cmd"].split()
    assert (python, option) == ("python", "-m")
    return Path(*module.split(".")).with_suffix(".py")


def work(name: str) -> Path:
    """The module that does a stage's work; the script reads the command line and calls it."""
    return PIPELINE / f"{name.replace('-', '_')}.py"


def named_code(stage: dict) -> set[Path]:
    """The files and folders with code that a stage's deps name."""
    return {Path(dep) for dep in stage["deps"] if Path(dep).parts[0] == "stages"}


def used_code(root: Path, name: str, stage: dict) -> set[Path]:
    """The files that a stage reaches: from its work, and from the pieces that it finds by their names."""
    assert work(name) in imports(root, script(stage))
    used = reached(root, {work(name), *pieces(root, *CODE.get(name, ()))})
    # The check reads all pieces, whoever names them.
    return used if name != "check" else used | {Path(CUSTOM_PLACE)} | reached(root, pieces(root, *ROOMS))


def is_in(path: Path, places: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def test_every_stage_names_the_code_that_it_uses(root, stages):
    """What a stage reaches is in one of its deps, or is a piece by whose code it depends on data/code."""
    for name, stage in stages.items():
        named = named_code(stage)
        assert work(name) in named
        used = {path for path in used_code(root, name, stage) if is_in(path, [SCIENCE, PIPELINE])}
        by_name = pieces(root, *CODE.get(name, ()))
        assert [path for path in used - by_name if not is_in(path, named)] == [], name
        # The packages around them are imported, too: those in no dep hold but a docstring.
        folders = {folder for path in used for folder in path.parents if is_in(folder, [SCIENCE, PIPELINE])}
        for package in (folder / "__init__.py" for folder in folders):
            code = ast.parse((root / package).read_text()).body[1:]
            assert code == [] or is_in(package, named), f"{name}: {package}"


def test_no_stage_names_code_that_it_does_not_use_nor_machinery(root, stages):
    for name, stage in stages.items():
        used = used_code(root, name, stage)
        for named in named_code(stage):
            assert (root / named).exists(), named
            assert is_in(named, [SCIENCE, PIPELINE]), f"{name}: {named}"
            assert any(is_in(path, [named]) for path in used), f"{name}: {named}"


def test_the_deps_are_few(root, stages):
    assert max(len(stage["deps"]) for stage in stages.values()) <= 12
    assert len((root / "dvc.yaml").read_text().splitlines()) <= 220


def test_a_piece_reruns_the_check_and_by_its_answer_what_uses_it(stages):
    assert [name for name, stage in stages.items() if CUSTOM_PLACE in stage["deps"]] == ["check"]
    assert "data/code" in stages["check"]["outs"]
    by_its_answer = {
        name: [dep for dep in stage["deps"] if dep.startswith("data/code")] for name, stage in stages.items()
    }
    assert {name: deps for name, deps in by_its_answer.items() if deps} == {
        name: [f"data/code/${{item.experiment}}/{name}"] for name in CODE
    } | {
        "reference": ["data/code/${item.experiment}/reference"],
        "evaluate": ["data/code/${item.experiment}/parameters"],
    }
    for name, stage in stages.items():
        rooms = [SCIENCE / room for room in ROOMS]
        assert name == "check" or not named_code(stage) & {*rooms}, f"{name} would rerun with each new piece"


def test_no_stage_switches_the_run_cache_off(stages):
    def keys(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, child in value.items():
                yield key
                yield from keys(child)
        elif isinstance(value, list):
            for child in value:
                yield from keys(child)

    assert not {"persist", "always_changed"} & set(keys(stages))
    for name, stage in stages.items():  # it takes no other output that DVC does not cache
        not_cached = [out for out in stage.get("outs", ()) if isinstance(out, dict)]
        assert not_cached == ([{"data/sources": {"cache": False}}] if name == "check" else [])


def test_imports_go_down_only(root):
    """The science uses no stage and next to nothing of the machinery, and within it there is no circle."""
    for path in (root / SCIENCE).rglob("*.py"):
        relative = path.relative_to(root)
        used = reached(root, imports(root, relative))
        assert all(is_in(file, [SCIENCE, *FOR_ALL]) for file in used), relative
        assert relative not in used, f"{relative} imports itself by way of others"


def test_what_all_may_use_uses_nothing(root):
    assert set().union(*(imports(root, path) for path in FOR_ALL)) <= {*FOR_ALL}


def test_dvc_and_mlflow_do_not_call_out(root):
    config = (root / ".dvc" / "config").read_text()
    assert "analytics = false" in config
    assert "check_update = false" in config


def test_no_commit_names_a_registry_or_a_place_on_a_machine(root):
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True)
    forbidden = re.compile(r"--(extra-)?index-url|--find-links|(?<![\w.])/(home|root|Users|work|tmp)/")
    for name in filter(None, tracked.stdout.split("\0")):
        path = root / name
        if path.suffix in {".png", ".gif"} or not path.exists() or path == Path(__file__):
            continue
        assert not forbidden.search(path.read_text(encoding="utf-8")), name


def test_dvc_changes_nothing_of_params_yaml_but_what_it_is_told(tmp_path):
    """`dvc exp run -S` writes the file anew: lists in blocks, and no line longer than 80 characters."""
    path = tmp_path / "params.yaml"
    before = calls.PARAMS.read_text()
    path.write_text(before)
    apply_overrides(path, ["sine.train.lr=0.5"])
    assert path.read_text() == before.replace("lr: 0.001\n", "lr: 0.5\n", 1)
    path.write_text(before)
    apply_overrides(path, ["seeds=[1,2]"])
    assert path.read_text() == before.replace("\n- 111\n", "\n- 1\n- 2\n", 1)


def test_a_clone_has_the_same_bytes_whatever_gits_settings_say(root, tmp_path):
    folder = tmp_path / "clone"
    pipeline.checkout(folder, results=True)
    settings = (
        "-c",
        "core.autocrlf=true",
        "-c",
        "core.eol=crlf",
        "-c",
        "user.name=test",
        "-c",
        "user.email=",
    )
    for what in (["add", "--all"], ["commit", "--quiet", "--message", "all"], ["rm", "--quiet", "-r", "."]):
        subprocess.run(["git", *settings, *what], cwd=folder, check=True, capture_output=True)
    subprocess.run(["git", *settings, "checkout", "--quiet", "HEAD", "--", "."], cwd=folder, check=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name]
    assert len(names) > 300
    assert [name for name in names if (folder / name).read_bytes() != (root / name).read_bytes()] == []
