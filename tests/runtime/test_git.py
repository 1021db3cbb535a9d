import subprocess

import pytest

from benchmarks import pipeline
from stages.runtime import git
from stages.runtime.errors import UserError


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository of one commit, with a file within a folder in it."""
    for name, value in pipeline.IDENTITY.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "all of it"
    (folder / "a part").mkdir(parents=True)
    (folder / "a part" / "file").write_text("content")
    for what in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *what], cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("inner", ["", "a part"])
def test_a_clone_is_of_the_whole_repository_and_knows_where_this_folder_is_in_it(
    repository, tmp_path, monkeypatch, inner
):
    monkeypatch.chdir(repository / inner)
    assert git.clone(tmp_path / "clone") == tmp_path / "clone" / inner
    assert (tmp_path / "clone" / "a part" / "file").read_text() == "content"
    monkeypatch.chdir(tmp_path / "clone")
    assert git.output("remote") == ""


def test_where_there_is_no_repository_git_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"git rev-parse: .*not a git repository"):
        git.clone(tmp_path / "clone")


def test_a_copy_has_the_files_as_they_are_now_in_a_repository_of_its_own(repository, tmp_path, monkeypatch):
    part, folder = repository / "a part", tmp_path / "copy"
    for name in ("gone", "stages/known.py", "dvc.lock", "reports/README.md"):
        (part / name).parent.mkdir(exist_ok=True)
        (part / name).write_text("first")
    (part / "link").symlink_to("file")
    (part / ".gitignore").write_text("/ignored\n")
    git.output("add", "--all", folder=part)
    (part / "gone").unlink()
    for name in ("stages/known.py", "stages/new.py", "ignored", "new"):
        (part / name).write_text("now")
    (part / "file").chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))  # as a hook has it
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git" / "index"))
    folder.mkdir()
    git.copy(part, folder, new="stages")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert {name for name in names if not name.startswith(".git/")} == {
        *(".gitignore", "file", "link", "stages/known.py", "stages/new.py"),
    }
    assert (folder / "stages" / "known.py").read_text() == "now"
    assert (folder / "link").readlink().name == "file"
    assert (folder / "file").stat().st_mode & 0o100
    assert git.output("rev-parse", "--show-toplevel", folder=folder) == str(folder.resolve())
    assert git.output("ls-files", folder=folder) == ""
    (whole := tmp_path / "whole").mkdir()
    git.copy(part, whole, results=True)
    assert {name for name in ("dvc.lock", "reports/README.md", "new") if (whole / name).exists()} == {
        *("dvc.lock", "reports/README.md", "new"),
    }
