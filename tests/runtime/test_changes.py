"""How code and parameters differ from the commit's."""

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks import pipeline
from stages.runtime import changes

FILES = {
    "params.yaml": "lr: 1\n",
    "dvc.yaml": "stages: {}\n",
    "stages/train.py": "print(1)\n",
    "stages/gan/custom.py": "",
    "dvc.lock": "1",
    "docs/page.md": "text",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **pipeline.IDENTITY},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(params=["", "a project"])
def folder(request, tmp_path, monkeypatch) -> Path:
    """A project with a commit, in a repository of its own or within another."""
    folder = tmp_path / "repository" / request.param
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(tmp_path / "repository", "init", "--quiet")
    git(tmp_path / "repository", "add", "--all")
    git(tmp_path / "repository", "commit", "--quiet", "--message", "all")
    monkeypatch.chdir(folder)
    return folder


def test_results_and_pages_are_no_changes(folder):
    for name in ("dvc.lock", "docs/page.md", "reports/new.json", "stages/notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("new")
    assert changes.origin() == changes.Origin(git(folder, "rev-parse", "HEAD"), (), "")


def test_a_diff_makes_of_the_commit_what_is_there(folder, tmp_path):
    (folder / "params.yaml").write_text("lr: 2\nno end")
    (folder / "stages" / "train.py").unlink()
    (folder / "stages" / "gan" / "custom.py").write_text("x = 'é'\n")
    (folder / "stages" / "gan" / "losses").mkdir()
    (folder / "stages" / "gan" / "losses" / "mine.py").write_text("y = 1\n")
    (folder / "stages" / "gan" / "losses" / "__init__.py").write_text("")
    found = changes.origin()
    assert found.changed == (
        "params.yaml",
        "stages/gan/custom.py",
        "stages/gan/losses/__init__.py",
        "stages/gan/losses/mine.py",
        "stages/train.py",
    )
    clean = tmp_path / "clean"
    git(tmp_path, "clone", "--quiet", str(tmp_path / "repository"), str(clean))
    project = folder.relative_to(tmp_path / "repository")
    there = clean / project
    (tmp_path / "changes.diff").write_text(found.diff)
    within = [f"--directory={project}"] if project.name else []
    git(clean, "apply", *within, str(tmp_path / "changes.diff"))
    for name in ("params.yaml", *(str(path.relative_to(folder)) for path in folder.glob("stages/**/*.py"))):
        assert (there / name).read_text() == (folder / name).read_text()
    assert not (there / "stages" / "train.py").exists()


def test_a_change_that_git_does_not_notice_is_one(folder):
    """As DVC sets a parameter: a text of the same length, within the second in which git last looked."""
    before = Path("params.yaml").stat()
    (folder / "params.yaml").write_text("lr: 9\n")
    os.utime("params.yaml", ns=(before.st_atime_ns, before.st_mtime_ns))
    found = changes.origin()
    assert found.changed == ("params.yaml",)
    assert "-lr: 1\n+lr: 9\n" in found.diff


def test_ends_of_lines_are_no_change_and_bytes_are_not_shown(folder):
    (folder / "params.yaml").write_bytes(b"lr: 1\r\n")
    assert changes.origin().changed == ()
    (folder / "stages" / "train.py").write_bytes(b"\0\1")
    assert changes.origin().diff.endswith("Binary files differ\n")


def test_a_long_diff_is_cut_and_says_so(folder):
    (folder / "stages" / "train.py").write_text("print(12345)\n" * 200_000)
    diff = changes.origin().diff
    assert len(diff) < 1_000_100
    assert diff.splitlines()[-1].startswith("(cut: 18")
    assert diff.endswith(" more bytes)\n")


def test_without_git_or_a_commit_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert changes.origin() is None
    git(tmp_path, "init", "--quiet")
    assert changes.origin() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert changes.origin() is None


def test_the_oldest_commit_of_a_shallow_clone_is_known(folder, tmp_path, monkeypatch):
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{tmp_path}/repository", "shallow")
    monkeypatch.chdir(tmp_path / "shallow" / folder.relative_to(tmp_path / "repository"))
    assert changes.origin() == changes.Origin(git(folder, "rev-parse", "HEAD"), (), "")
