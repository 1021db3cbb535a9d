import pytest

from stages.tools import folders
from tests import calls


def test_a_new_folder_is_there_whole(tmp_path):
    with folders.filling(tmp_path / "a" / "b") as aside:
        (aside / "1").write_text("one")
        assert not (tmp_path / "a" / "b").exists()
    assert calls.digest(tmp_path).keys() == {"a", "a/b", "a/b/1"}


def test_an_old_folder_keeps_its_other_files(tmp_path):
    for name in ("1", "2"):
        (tmp_path / name).write_text("old")
    with folders.filling(tmp_path) as aside:
        (aside / "1").write_text("new")
    assert [(file.name, file.read_text()) for file in sorted(tmp_path.iterdir())] == [
        ("1", "new"),
        ("2", "old"),
    ]


@pytest.mark.parametrize("exists", [True, False])
def test_after_an_error_nothing_has_changed(exists, tmp_path):
    folder = tmp_path / "folder"
    if exists:
        folder.mkdir()
        (folder / "1").write_text("old")
    before = calls.digest(tmp_path)

    def fail() -> None:
        with folders.filling(folder) as aside:
            (aside / "1").write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert calls.digest(tmp_path) == before


def test_what_cannot_be_written_is_an_error_of_the_folder(tmp_path):
    def fill() -> None:
        with folders.filling(tmp_path) as aside, (aside / "1").open("wb", buffering=0) as file:
            file.write(bytes(10))
            file.write(bytes(1))

    with calls.file_limit(10), pytest.raises(OSError, match="File too large") as caught:
        fill()
    assert caught.value.filename == str(tmp_path)
    assert list(tmp_path.iterdir()) == []
