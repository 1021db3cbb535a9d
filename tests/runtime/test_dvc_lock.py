"""dvc.lock is whole, wherever DVC is killed while it writes it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import pipeline
from stages.runtime import dvc, files
from stages.runtime.errors import UserError

WHOLE = """\
schema: '2.0'
stages:
  check:
    cmd: python -m stages.check
    deps:
    - path: params.yaml
      hash: md5
      md5: c2f0a9f6c7a5b1d0cf6a9e7f54a1e0aa
      size: 3131
    outs:
    - path: data/code
      hash: md5
      md5: 19eb979c645db05d31f4e82d360c9a9f.dir
      size: 15359
      nfiles: 12
  train@größe-1:
    cmd: python -m stages.train --experiment größe --seed 1
    deps:
    - path: data/größe/dataset.safetensors
      hash: md5
      md5: f70c1978d0264783218a21e721a5ec27
      size: 7194
    params:
      params.yaml:
        device: auto
        größe.train:
          epochs: 300
          lr: 0.001
    outs:
    - path: data/größe/seed-1/generator.safetensors
      hash: md5
      md5: 694b6bc1c4dedef3d5d2fd0d3ca71ae7
      size: 11460
    - path: reports/runs/größe/seed-1/losses.csv
      hash: md5
      md5: 5a778b74ca02c6c74c4bc8977a48f021
      size: 3357
"""
SECOND = WHOLE.index("  train@")
OLDER = WHOLE.replace("epochs: 300", "epochs: 20")
CUTS = {
    "empty": 0,
    "in the head": 10,
    "after the head": WHOLE.index("  check:"),
    "in a line": SECOND - 5,
    "at a line's end": SECOND - 1,
    "in a letter": WHOLE.index("ö"),
    "after a name": WHOLE.index("    cmd: python -m stages.train"),
    "before outs": WHOLE.rindex("    outs:"),
    "after outs": WHOLE.rindex("    - path: data"),
    "before a sum": WHOLE.index("      md5: 694b"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A project with a folder for DVC's locks, in a git repository without a commit."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    git("init", "--quiet")
    return tmp_path


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], env={**os.environ, **pipeline.IDENTITY}, check=True)


def commit(text: str) -> None:
    Path("dvc.lock").write_text(text, encoding="utf-8")
    git("add", "dvc.lock")
    git("commit", "--quiet", "--message", "dvc.lock")


def copy(text: str) -> None:
    """What a stage does that DVC runs with this dvc.lock."""
    Path("dvc.lock").write_text(text, encoding="utf-8")
    dvc.copy_lock()


def cut(length: int) -> None:
    """What a kill leaves; DVC writes bytes."""
    content = WHOLE[:length].encode()
    Path("dvc.lock").write_bytes(content + b"\xc3" if length == CUTS["in a letter"] else content)


def left() -> str:
    return Path("dvc.lock").read_text(encoding="utf-8")


def test_a_whole_file_is_not_touched(folder):
    commit(OLDER)
    copy(OLDER)
    Path("dvc.lock").write_text(WHOLE, encoding="utf-8")
    os.utime("dvc.lock", (1, 1))
    assert dvc.mend_lock() is None
    assert left() == WHOLE
    assert Path("dvc.lock").stat().st_mtime == 1


def test_where_there_is_no_file_none_is_made(folder):
    copy(WHOLE)
    Path("dvc.lock").unlink()
    assert dvc.mend_lock() is None
    dvc.copy_lock()
    assert not Path("dvc.lock").exists()


def test_a_part_that_ends_with_a_whole_stage_stays(folder):
    commit(OLDER)
    copy(WHOLE)
    cut(SECOND)
    assert dvc.mend_lock() is None
    assert left() == WHOLE[:SECOND]


@pytest.mark.parametrize("length", CUTS.values(), ids=CUTS)
def test_the_last_whole_one_that_a_stage_saw_is_put_back(folder, length):
    commit(OLDER)
    copy(WHOLE)
    cut(length)
    said = dvc.mend_lock()
    where = "the last complete one (a stage's copy)"
    assert said == f"dvc.lock: was cut short, as by a kill of DVC; {where} is restored"
    assert left() == WHOLE
    assert dvc.mend_lock() is None


def test_wherever_it_is_cut_all_stages_that_are_left_are_whole(folder):
    """The last one's later outs may be missing: DVC has them in its run cache, as it has what follows."""
    copy(WHOLE)
    for length in range(len(WHOLE)):
        cut(length)
        if dvc.mend_lock() is None:
            assert left() == WHOLE[:length]
            for stage in yaml.safe_load(left())["stages"].values():
                assert all({"path", "hash", "md5"} <= entry.keys() for entry in stage["deps"] + stage["outs"])
        else:
            assert left() == WHOLE


@pytest.mark.parametrize("copied", ["nothing", "a part"])
@pytest.mark.parametrize("length", CUTS.values(), ids=CUTS)
def test_without_such_a_copy_gits_is_put_back(folder, copied, length):
    commit(WHOLE)
    if copied == "a part":
        Path(".dvc/tmp/dvc.lock").write_text(WHOLE[: SECOND - 5])
    cut(length)
    said = dvc.mend_lock()
    assert said == "dvc.lock: was cut short, as by a kill of DVC; the last complete one (git's) is restored"
    assert left() == WHOLE


def test_gits_is_the_one_beside_a_project_that_is_no_repository_of_its_own(folder, monkeypatch):
    commit(OLDER)
    (folder / "project").mkdir()
    monkeypatch.chdir(folder / "project")
    commit(WHOLE)
    cut(10)
    dvc.mend_lock()
    assert left() == WHOLE


@pytest.mark.parametrize("git_has", ["no commit", "a part", "no repository", "no git"])
def test_without_any_whole_one_it_says_what_to_do(folder, monkeypatch, git_has):
    if git_has == "a part":
        commit(WHOLE[:40])
    elif git_has == "no repository":
        shutil.rmtree(".git")
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    elif git_has == "no git":
        monkeypatch.setenv("PATH", "")
    cut(CUTS["in a line"])
    with pytest.raises(UserError, match=r"^dvc\.lock: is cut short, .*; delete it and run again") as error:
        dvc.mend_lock()
    assert "\n" not in str(error.value)
    assert left() == WHOLE[: CUTS["in a line"]]


@pytest.mark.parametrize("length", CUTS.values(), ids=CUTS)
def test_no_part_is_copied(folder, length):
    copy(OLDER)
    cut(length)
    dvc.copy_lock()
    assert Path(".dvc/tmp/dvc.lock").read_text(encoding="utf-8") == OLDER


def test_without_dvcs_folder_or_a_place_in_it_nothing_is_copied(folder):
    Path(".dvc/tmp/dvc.lock").mkdir()
    copy(WHOLE)
    shutil.rmtree(".dvc")
    copy(WHOLE)
    assert not Path(".dvc").exists()
    assert left() == WHOLE


@pytest.mark.parametrize("by_dvc", [True, False])
def test_a_stage_copies_it_where_dvc_runs_it(folder, root, by_dvc):
    """This process stands for DVC's: it has a lock on something that is written."""
    Path("dvc.lock").write_text(WHOLE, encoding="utf-8")
    Path(".dvc/tmp/rwlock").write_text(json.dumps({"write": {"data": {"pid": os.getpid()}}, "read": {}}))
    program = "from stages.runtime import command; command.guard(lambda: None)"
    environment = {**os.environ, "PYTHONPATH": str(root)} | ({"DVC_STAGE": "check"} if by_dvc else {})
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert Path(".dvc/tmp/dvc.lock").exists() == by_dvc
    if by_dvc:
        assert Path(".dvc/tmp/dvc.lock").read_text(encoding="utf-8") == WHOLE


def test_a_stage_is_current_while_its_files_are_those_of_the_lock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = {"deps": Path("data/samples.npy"), "outs": Path("reports/samples.png")}
    entry = {"cmd": "draw", "deps": [{"path": "code", "hash": "md5", "md5": "0" * 32 + ".dir"}], "outs": []}
    for kind, path in paths.items():
        path.parent.mkdir()
        path.write_text(kind)
        entry[kind].append({"path": str(path), "hash": "md5", "md5": files.md5(path)})
    assert not dvc.is_current("plot@sine-1")
    Path("dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"plot@sine-1": entry}}))
    assert dvc.is_current("plot@sine-1")
    assert not dvc.is_current("plot@sine-2")
    for path in paths.values():
        before = path.read_text()
        path.write_text("other")
        assert not dvc.is_current("plot@sine-1")
        path.unlink()
        assert not dvc.is_current("plot@sine-1")
        path.write_text(before)
    Path("dvc.lock").write_text("schema: '2.0'\nstages: {")
    assert not dvc.is_current("plot@sine-1")
