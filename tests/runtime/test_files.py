import errno
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from stages.runtime import files
from stages.runtime.errors import UserError, describe_os_error, one_line


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    files.write(path, "first\n")
    files.write(path, b"second\n")
    assert path.read_text() == "second\n"
    with suppress(KeyError), files.replacing(path) as aside:
        aside.write_text("half")
        assert path.read_text() == "second\n"
        raise KeyError
    assert path.read_text() == "second\n"
    assert names(path.parent) == ["a.txt"]


def test_files_that_belong_together_are_replaced_together(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    files.write(a, "old")
    with files.together():
        files.write(a, "new")
        files.write(b, "new")
        assert (a.read_text(), b.exists()) == ("old", False)
    assert (a.read_text(), b.read_text()) == ("new", "new")
    with suppress(KeyError), files.together():
        files.write(a, "newer")
        raise KeyError
    assert a.read_text() == "new"
    assert names(tmp_path) == ["a", "b"]
    files.write(a, "alone again")
    assert a.read_text() == "alone again"


def test_what_cannot_take_its_place_holds_all_back(tmp_path):
    (tmp_path / "b").mkdir()

    def write() -> None:
        with files.together():
            files.write(tmp_path / "a", "new")
            files.write(tmp_path / "b", "new")

    with pytest.raises(IsADirectoryError):
        write()
    assert names(tmp_path) == ["b"]


def test_a_signal_waits_until_all_have_taken_their_places(tmp_path, monkeypatch):
    class EndError(Exception):
        pass

    def end(*_: object) -> None:
        raise EndError

    put = files._put

    def put_and_kill(aside: Path, path: Path) -> None:
        put(aside, path)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(files, "_put", put_and_kill)

    def write() -> None:
        with files.together():
            for name in "abc":
                files.write(tmp_path / name, "new")

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(EndError):
            write()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert names(tmp_path) == ["a", "b", "c"]


def test_errors_name_the_file_that_is_meant(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(OSError, match="No space left") as caught, files.replacing(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(path)
    path.mkdir()
    with pytest.raises(IsADirectoryError) as directory:
        files.write(path, "x")
    assert (
        describe_os_error(directory.value)
        == f"{path}: Is a directory; a folder is where a file must be: move it away"
    )
    assert names(tmp_path) == ["a"]


def test_what_a_kill_has_left_is_removed_in_time(tmp_path):
    for name in (".a.11", ".a.22", ".a.txt", ".ab.33"):
        (tmp_path / name).touch()
    for name in (".a.11", ".a.txt", ".ab.33"):
        os.utime(tmp_path / name, times=(0, time.time() - 4000))
    files.write(tmp_path / "a", "x")
    assert names(tmp_path) == [".a.22", ".a.txt", ".ab.33", "a"]


def test_what_is_said_is_one_line_that_can_be_printed():
    assert one_line(" a\n  b\r\nc\u2028d\x1b[31m\ud800 ") == r"a b c d\x1b[31m\ud800"
    assert str(UserError("two\nlines")) == "two lines"
    assert describe_os_error(RuntimeError("a bug")) is None
    assert "train.batch_size" in describe_os_error(MemoryError(), "train")
    assert "sample.count" in describe_os_error(MemoryError(), "draw")
    assert describe_os_error(OSError("no number")) is None
