import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from stages.gan.training import checkpoints
from stages.gan.training.checkpoints import CheckpointStore


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"a": torch.full((3, 2), value), "b": torch.tensor(7), "c": torch.arange(9, dtype=torch.uint8)}


@pytest.fixture
def folder(tmp_path) -> Path:
    """With two checkpoints: 1, and then 2."""
    folder = tmp_path / ".checkpoints" / "sine" / "seed-1" / "key"
    store = CheckpointStore(folder, every=10)
    for number in (1, 2):
        assert store.save(tensors(number), {"epoch": number, "loss": 0.1})
    return folder


def load(folder: Path) -> checkpoints.Checkpoint | None:
    return CheckpointStore(folder, every=10).load()


def newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_the_newest_checkpoint_comes_back_as_it_was(folder, capsys):
    found = load(folder)
    assert found.about == {"epoch": 2, "loss": 0.1}
    for name, tensor in tensors(2).items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)
    assert found.tensors.keys() == tensors(2).keys()
    assert capsys.readouterr().err == ""
    assert load(folder / "other") is None


def test_the_files_take_turns_also_in_the_next_process(folder):
    store = CheckpointStore(folder, every=10)
    before = newest(folder).read_bytes()
    store.load()
    store.save(tensors(3), {"epoch": 3})
    assert len(list(folder.iterdir())) == 2
    assert before in [path.read_bytes() for path in folder.iterdir()]
    assert load(folder).about == {"epoch": 3}


def test_a_checkpoint_with_any_bit_changed_is_skipped_with_a_line(folder, capsys):
    path = newest(folder)
    whole = path.read_bytes()
    places = [0, 3, 8, 9, 100, len(whole) // 2, len(whole) - 40, len(whole) - 32, len(whole) - 1]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        assert load(folder).about["epoch"] == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line == f"warning: {path}: a damaged checkpoint, skipped (its checksum is wrong)"


def test_a_checkpoint_of_any_other_length_is_skipped(folder, capsys):
    path = newest(folder)
    whole = path.read_bytes()
    for length in (0, 1, 31, 32, 33, 200, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert load(folder).about["epoch"] == 1
    path.write_bytes(whole + b"\0")
    assert load(folder).about["epoch"] == 1
    assert len(capsys.readouterr().err.splitlines()) == 9


def test_where_both_are_damaged_there_is_none(folder, capsys):
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert load(folder) is None
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert CheckpointStore(folder, every=10).save(tensors(1), {"epoch": 1})
    assert load(folder).about["epoch"] == 1


def test_a_pickle_in_the_place_of_a_checkpoint_is_never_loaded(folder, tmp_path):
    class Evil:
        def __reduce__(self) -> object:
            return os.mkdir, (str(tmp_path / "evil"),)

    torch.save(Evil(), newest(folder))
    assert load(folder).about["epoch"] == 1
    assert not (tmp_path / "evil").exists()


def test_a_write_that_fails_leaves_both_checkpoints_and_says_so_once(folder, capsys, monkeypatch):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    store = CheckpointStore(folder, every=10)
    store.load()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert not store.save(tensors(3), {"epoch": 3})
        assert not store.save(tensors(4), {"epoch": 4})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {folder}: ")
    assert "No space left on device" in line
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert store.save(tensors(5), {"epoch": 5})  # there is space again
    assert load(folder).about["epoch"] == 5


def test_a_file_that_cannot_grow_is_no_more_than_a_warning_either(folder):
    program = """
import pathlib, resource, sys, torch
from stages.gan.training.checkpoints import CheckpointStore
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
store = CheckpointStore(pathlib.Path(sys.argv[1]), every=10)
before = store.load()
print(store.save({"a": torch.zeros(10_000)}, {}), store.load().about == before.about)
"""
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_cannot_be_made_is_no_more_than_a_warning(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "seed-1"
    assert load(folder) is None
    assert not CheckpointStore(folder, every=10).save(tensors(1), {})
    assert "could not be written" in capsys.readouterr().err.splitlines()[-1]


def test_a_checkpoint_is_due_at_the_interval_and_at_convenient_moments_if_it_is_cheap(monkeypatch):
    now = 100.0
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now)
    store = CheckpointStore(Path("unused"), every=10)
    assert not store.due(convenient=True)
    now = 101.9
    assert not store.due(convenient=True)
    now = 102.1  # a hundred times the 0.02 s that it may take
    assert store.due(convenient=True)
    assert not store.due()
    now = 110.0
    assert store.due()

    def slow(*_: object) -> None:
        nonlocal now
        now += 2.0

    monkeypatch.setattr(checkpoints, "_write", slow)
    monkeypatch.setattr(checkpoints, "replacing", nullcontext)
    store.save({}, {})
    now += 39.9  # of which 2 s are more than a twentieth
    assert not store.due()
    now += 0.2
    assert store.due()
    assert not CheckpointStore(Path("unused"), every=50).due()


def test_nothing_is_left_of_a_finished_training_and_what_is_beside_it_stays(folder, tmp_path):
    others = [folder.with_name("other"), tmp_path / ".checkpoints" / "sine" / "seed-2" / "key"]
    for other in others:
        CheckpointStore(other, every=10).save(tensors(1), {})
    CheckpointStore(folder, every=10).finish()
    assert not folder.exists()
    for other in others:
        assert load(other).about == {}
        CheckpointStore(other, every=10).finish()
        assert not other.exists()
    CheckpointStore(folder, every=10).finish()
    assert CheckpointStore(folder, every=10).load_finished() is None


def test_the_end_of_a_finished_training_is_kept_in_the_place_of_an_earlier_one(folder, capsys):
    finished = folder.with_name(f"{checkpoints.FINISHED}any")
    for epochs in (2, 5):
        store = CheckpointStore(folder, every=10, finished=finished)
        store.load()
        store.save(tensors(epochs), {"epoch": epochs + 1})
        store.finish()
        assert list(folder.parent.iterdir()) == [finished]
        assert CheckpointStore(folder, every=10).load() is None
        found = CheckpointStore(folder, every=10, finished=finished).load_finished()
        assert found.about == {"epoch": epochs + 1}
        assert torch.equal(found.tensors["a"], tensors(epochs)["a"])
    assert capsys.readouterr().err == ""


def test_a_damaged_end_is_no_end(folder, capsys):
    finished = folder.with_name(f"{checkpoints.FINISHED}any")
    store = CheckpointStore(folder, every=10, finished=finished)
    store.finish()
    for path in finished.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert store.load_finished() is None
    assert capsys.readouterr().err.count("a damaged checkpoint, skipped") == 1


def test_trainings_that_are_given_up_are_removed_after_some_weeks(folder):
    other = folder.with_name("other")
    CheckpointStore(other, every=10).save(tensors(1), {})
    long_ago = time.time() - 31 * 24 * 3600
    os.utime(other, (long_ago, long_ago))
    checkpoints.purge(folder.parent)
    assert folder.exists()
    assert not other.exists()
    checkpoints.purge(folder / "missing")
