import fcntl
import os
import shutil
import threading

import pytest

from stages.runtime import locks

FLAGS = os.O_RDWR | os.O_CREAT


def test_one_holds_a_lock_at_a_time_until_it_lets_go(tmp_path):
    path = tmp_path / "file"
    held = locks.hold_file(path, FLAGS, 0)
    with pytest.raises(BlockingIOError):
        locks.hold_file(path, FLAGS, 0.1)
    let_go = threading.Event()

    def close() -> None:
        let_go.set()
        os.close(held)

    timer = threading.Timer(0.3, close)
    timer.start()
    os.close(locks.hold_file(path, FLAGS, 30))
    assert let_go.is_set()
    timer.join()


def test_who_waits_for_a_folder_that_is_removed_gets_the_new_one(tmp_path):
    folder = tmp_path / "a" / "b"
    held = locks.hold_folder(folder, 0)

    def let_go() -> None:
        shutil.rmtree(folder.parent)
        os.close(held)

    timer = threading.Timer(0.3, let_go)
    timer.start()
    new = locks.hold_folder(folder, 30)
    timer.join()
    assert os.path.samestat(os.fstat(new), folder.stat())
    with pytest.raises(BlockingIOError):
        locks.hold_folder(folder, 0)
    os.close(new)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        locks.hold_file(tmp_path / "file", os.O_RDWR, 0)


def test_where_there_are_no_locks_none_is_missed(tmp_path, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", none)
    os.close(locks.hold_file(tmp_path / "file", FLAGS, 0))
    os.close(locks.hold_folder(tmp_path / "folder", 0))
