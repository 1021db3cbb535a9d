import ast
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.runtime.errors import UserError
from stages.tracking import modules


def names(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as opened:
        return set(opened.namelist())


def imported(text: bytes, root: Path) -> Iterator[str]:
    """The modules of the project that a module imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("stages"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stages"):
            folder = root / node.module.replace(".", "/")
            for alias in node.names:
                inner = (folder / f"{alias.name}.py").exists() or (folder / alias.name).is_dir()
                yield f"{node.module}.{alias.name}" if inner else node.module


def test_an_archive_has_what_draws_samples_and_nothing_else(tmp_path):
    found = names(modules.pack(tmp_path))
    assert {"__init__.py", "tracking/pyfunc.py", "gan/custom.py", "runtime/errors.py"} <= found
    assert {"sampling.py", "registry.py"} <= {Path(name).name for name in found}
    assert not {"tracking/store.py", "tracking/sender.py", "tracking/models.py", "runtime/command.py"} & found
    others = ("gan/training", "gan/judges", "gan/evaluation", "gan/plots", "gan/report", "pipeline", "tools")
    assert [name for name in found if name.startswith(others)] == []


def test_a_module_comes_with_those_that_it_imports(root, tmp_path):
    with zipfile.ZipFile(modules.pack(tmp_path)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    known = {
        ".".join(["stages", *Path(name).with_suffix("").parts]).removesuffix(".__init__") for name in found
    }
    needed = {(name, module) for name, text in found.items() for module in imported(text, root)}
    assert len(needed) > 20
    assert [(name, module) for name, module in needed if module not in known] == []
    assert [name for name in known if name != "stages" and name.rpartition(".")[0] not in known] == []


def test_an_archive_is_always_the_same(tmp_path):
    first = modules.pack(tmp_path).read_bytes()
    assert modules.pack(tmp_path).read_bytes() == first


def test_without_custom_code_there_is_none(root, tmp_path, monkeypatch):
    shutil.copytree(root / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "stages" / "gan" / "custom.py").unlink()
    whole = names(modules.pack(tmp_path))
    monkeypatch.setattr(modules, "_ROOT", tmp_path / "stages")
    assert names(modules.pack(tmp_path)) == whole - {"gan/custom.py"}


def test_it_works_under_another_name_without_the_project(tmp_path):
    modules.unpack(modules.pack(tmp_path), tmp_path / "renamed")
    program = """
import sys
from renamed.gan.networks.base import registry, sampling
from renamed.tracking import pyfunc
for name in ("mlp", "conv", "resmlp"):
    assert registry.get_generator(name)
sys.exit('stages' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("damage", ["cut short", "a bit", "rubbish"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(damage, tmp_path):
    archive = modules.pack(tmp_path)
    content = bytearray(archive.read_bytes())
    if damage == "a bit":
        content[len(content) // 2] ^= 1
    archive.write_bytes({"cut short": content[:-100], "a bit": content, "rubbish": b"rubbish"}[damage])
    with pytest.raises(UserError, match=r"code\.zip is damaged"):
        modules.unpack(archive, tmp_path / "package")
    assert not (tmp_path / "package").exists()
