import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stages.runtime import cache
from stages.runtime.errors import UserError

NOBODY = 65534


@pytest.fixture
def folder(monkeypatch):
    """A DVC repository with something in its cache, which anybody may enter, as pytest's own folders not."""
    with TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        monkeypatch.chdir(place)
        monkeypatch.setenv("HOME", place)
        subprocess.run(["dvc", "init", "--quiet", "--no-scm"], check=True)
        found = Path(place, ".dvc/cache/files/md5/85")
        found.mkdir(parents=True)
        yield found
        found.chmod(0o755)
        monkeypatch.undo()


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


def test_a_cache_that_cannot_be_written_is_refused_before_anything_is_computed(folder):
    cache.check()
    folder.chmod(0o555)
    assert ".dvc/cache" in (line := said())
    assert "DVC's cache cannot be written; have its owner share it" in line


def test_a_file_that_dvc_makes_there_for_a_moment_is_no_obstacle(folder):
    (folder.parent / ".wXYT5BFt1_DEgiFW09KGWQ.tmp").touch(mode=0o444)
    cache.check()


def test_where_there_is_no_repository_there_is_no_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cache.check()
