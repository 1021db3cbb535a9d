import subprocess
import sys

from stages.tracking import modules


def test_a_module_comes_with_those_that_it_imports_and_no_others(root):
    found = {path.name for path in modules.needed()}
    assert {"__init__.py", "pyfunc.py", "sampling.py", "networks.py", "layers.py"} <= found
    assert not {"tracking.py", "training.py", "sender.py", "models.py"} & found
    assert modules.needed(["errors", "no_such"]) == [
        root / "stages" / "gan" / name for name in ("__init__.py", "errors.py")
    ]


def test_they_work_under_another_name_without_the_project(tmp_path):
    package = tmp_path / "renamed"
    package.mkdir()
    for path in modules.needed(["sampling"]):
        (package / path.name).write_text(modules.renamed(path, "renamed"))
    program = "import sys, renamed.sampling; sys.exit('stages' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path).returncode == 0
