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
