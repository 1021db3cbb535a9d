import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

OWN = Path("stages/gan/own.py")  # of which nothing is imported by its name


@pytest.fixture(scope="module")
def stages(root) -> dict:
    return yaml.safe_load((root / "dvc.yaml").read_text())["stages"]


def modules(root: Path, path: Path, seen: set[Path]) -> set[Path]:
    """The project's own files that a file imports, and those that they import."""
    for node in ast.walk(ast.parse((root / path).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "stages":
            base = Path(*node.module.split("."))
            for file in (base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)):
                if (root / file).exists() and file not in seen:
                    seen.add(file)
                    modules(root, file, seen)
    return seen


def test_every_stage_names_exactly_the_code_it_uses(root, stages):
    for name, stage in stages.items():
        script = Path("stages", f"{name}.py")
        named = {Path(dep) for dep in stage["deps"] if dep.endswith(".py")} - {OWN}
        assert named == modules(root, script, set()) | {script}, name


def test_own_code_reruns_the_check_and_by_its_answer_what_uses_it(stages):
    assert [name for name, stage in stages.items() if str(OWN) in stage["deps"]] == ["check"]
    assert "data/code" in stages["check"]["outs"]
    by_its_answer = [
        name for name, stage in stages.items() if "data/code/${item.experiment}" in stage["deps"]
    ]
    assert by_its_answer == ["train", "sample"]


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


def test_imports_go_down_only(root):
    """The rooms: gan/ uses no stage, and within gan/ there is no circle."""
    for path in (root / "stages" / "gan").glob("*.py"):
        relative = path.relative_to(root)
        used = modules(root, relative, set())
        assert all(file.parts[1] == "gan" for file in used), relative
        assert relative not in used, f"{relative} imports itself by way of others"


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
