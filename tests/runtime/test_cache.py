import os
import subprocess

import pytest

from stages.runtime import cache
from stages.runtime.errors import UserError

NOBODY = 65534


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A DVC repository with something in its cache, which anybody may enter."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["dvc", "init", "--quiet", "--no-scm"], check=True)
    found = tmp_path / ".dvc/cache/files/md5/85"
    found.mkdir(parents=True)
    return found


def said() -> str:
    """What is said to a user who is not root, whom nothing is forbidden."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if os.getuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            cache.check()
        except UserError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


def test_a_cache_that_cannot_be_written_is_refused_before_anything_is_computed(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    cache.check()
    folder.chmod(0o555)
    for above in (tmp_path, *tmp_path.parents[:2]):  # pytest has them for its user alone
        above.chmod(0o755)
    assert ".dvc/cache" in (line := said())
    assert "DVC's cache cannot be written; have its owner share it" in line


def test_where_there_is_no_repository_there_is_no_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache.check()
