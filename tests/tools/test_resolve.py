import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks import pipeline
from stages.gan.core import params
from stages.runtime import dvc
from stages.runtime.errors import UserError
from stages.tools import resolve


def git(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def entry(md5: str) -> dict[str, object]:
    return {"cmd": "train", "outs": [{"path": "network", "hash": "md5", "md5": md5, "size": 1}]}


def write(seeds: list[int], code: str, **stages: str) -> None:
    """Results of a branch: in them all that two branches can be at odds about."""
    Path("params.yaml").write_text(yaml.safe_dump({"seeds": seeds}))
    Path("code.py").write_text(code)
    entries = {name: entry(md5) for name, md5 in stages.items()}
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": entries}, sort_keys=False))
    Path("reports/runs").mkdir(parents=True, exist_ok=True)
    Path("reports/README.md").write_text(f"seeds {seeds}")
    git("add", "--all")
    git("commit", "--quiet", "--message", "results")


@pytest.fixture
def merged(tmp_path, monkeypatch):
    """A repository, in a part of which the project is, in the middle of a merge with conflicts."""
    for name, value in pipeline.IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch=main")
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("reports").mkdir()
    Path("reports/gone.json").write_text("{}")
    write([1], "x = 0", common="a")
    git("checkout", "--quiet", "-b", "other")
    Path("reports/gone.json").write_text('{"collapsed": 0}')
    write([1, 6], "x = 0", common="c", seed_6="d")
    git("checkout", "--quiet", "main")
    Path("reports/gone.json").unlink()
    write([1, 5], "x = 0", common="b", seed_5="e")
    git("merge", "other", code=1)
    return folder


def test_parameters_are_resolved_by_hand_first(merged):
    before = Path("dvc.lock").read_text()
    with pytest.raises(UserError, match=r"first resolve these by hand, and git add them: params\.yaml; then"):
        resolve.resolve()
    assert Path("dvc.lock").read_text() == before
    with pytest.raises(UserError, match=r"params.yaml: has merge conflicts, the first in line \d: choose"):
        params.load(Path("params.yaml"))
    with pytest.raises(UserError, match=r"dvc.lock: has merge conflicts; `make resolve` resolves them"):
        dvc.mend_lock()
    assert Path("dvc.lock").read_text() == before


def test_results_are_this_branchs_and_dvc_lock_has_the_stages_of_both(merged, capsys):
    Path("params.yaml").write_text("seeds: [1, 5, 6]\n")
    git("add", "params.yaml")
    resolve.resolve()
    assert capsys.readouterr().out.startswith("resolve: 3 files resolved; now make repro")
    found = yaml.safe_load(Path("dvc.lock").read_text())
    assert found == {
        "schema": "2.0",
        "stages": {"common": entry("b"), "seed_5": entry("e"), "seed_6": entry("d")},
    }
    assert Path("reports/README.md").read_text() == "seeds [1, 5]"
    assert Path("reports/gone.json").read_text() == '{"collapsed": 0}'  # of the only branch that has it
    assert git("ls-files", "--unmerged") == ""
    resolve.resolve()
    assert capsys.readouterr().out == "resolve: 0 files resolved\n"


def test_marks_of_a_conflict_that_were_committed_are_found(merged):
    git("add", "--all")
    with pytest.raises(
        UserError, match="contains conflict markers, but git has it as resolved: git checkout"
    ):
        resolve.resolve()
