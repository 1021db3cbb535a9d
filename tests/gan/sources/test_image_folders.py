import os
import shutil

import numpy as np
import pytest
from PIL import Image

from stages.gan.sources import image_folders
from stages.runtime.errors import UserError


def save(path, colour=(255, 0, 0), size=(8, 6), mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)
    return path


def fill(folder, count):
    for number in range(count):
        save(folder / f"filled-{number}.png")


def read(path, size=4, channels=3):
    (found,) = image_folders.read([path], (channels, size, size))
    return found


def test_folders_are_classes_in_the_order_of_their_names(tmp_path):
    shown, hidden = ("dog/b.png", "dog/deep/a.png", "cat/1.JPG"), ("cat/.hidden.png", ".cache/x.png")
    for name in (*shown, *hidden, "cat/notes.txt"):
        path = tmp_path / name
        if path.suffix.lower() in image_folders.ENDINGS:
            save(path)
        else:
            path.write_text("text")
    fill(tmp_path / "cat", 10)
    found = image_folders.find(tmp_path)
    assert [path.name for path in found.images if "-" not in path.name] == ["1.JPG", "b.png", "a.png"]
    assert found.labels == (*[0] * 11, 1, 1)
    assert found.classes == ("cat", "dog")


def test_without_folders_or_with_one_there_are_no_classes(tmp_path):
    fill(tmp_path / "flat", 10)
    fill(tmp_path / "one" / "inner", 10)
    for name in ("flat", "one"):
        found = image_folders.find(tmp_path / name)
        assert len(found.images) == 10
        assert (found.labels, found.classes) == ((), ())


def test_a_folder_that_cannot_be_meant_is_reported(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        image_folders.find(tmp_path / "missing")
    fill(tmp_path / "cat", 9)
    with pytest.raises(UserError, match="holds 9 images; at least 10 are needed"):
        image_folders.find(tmp_path)
    save(tmp_path / "dog" / "b.png")
    with pytest.raises(UserError, match="class dog has one image; each needs at least 2"):
        image_folders.find(tmp_path)
    (tmp_path / "mouse").symlink_to(tmp_path / "cat")
    with pytest.raises(UserError, match="mouse: is a link, and DVC sees no changes behind it"):
        image_folders.find(tmp_path)
    (tmp_path / "mouse").unlink()
    (tmp_path / "cat" / "round").symlink_to(tmp_path)
    with pytest.raises(UserError, match="round: is a link"):
        image_folders.find(tmp_path)
    (tmp_path / "cat" / "round").unlink()
    save(tmp_path / "a.png")
    with pytest.raises(UserError, match="there are images both in it and in cat/"):
        image_folders.find(tmp_path)


def test_images_become_squares_of_the_asked_channels(tmp_path):
    red = read(save(tmp_path / "red.png"))
    assert red.shape == (3, 4, 4)
    assert red.dtype == np.uint8
    assert red[:, 0, 0].tolist() == [255, 0, 0]
    grey = read(tmp_path / "red.png", channels=1)
    assert grey.shape == (1, 4, 4)
    assert grey[0, 0, 0] == 76  # ITU-R 601 luma of red
    halves = np.zeros((4, 8, 3), np.uint8)
    halves[:, 2:6] = 200  # the square in the middle
    Image.fromarray(halves).save(tmp_path / "wide.png")
    assert (read(tmp_path / "wide.png") == 200).all()


def test_every_kind_of_picture_is_read(tmp_path):
    assert (read(save(tmp_path / "clear.png", (0, 0, 0, 0), mode="RGBA")) == 255).all()  # white below
    assert read(save(tmp_path / "palette.gif", 1, mode="P")).shape == (3, 4, 4)
    assert (read(save(tmp_path / "bits.png", 1, mode="1"), channels=1) == 255).all()
    deep = Image.fromarray(np.full((6, 6), 32896, np.uint16))
    deep.save(tmp_path / "deep.png")
    assert (read(tmp_path / "deep.png", channels=1) == 128).all()
    turned = Image.Exif()
    turned[0x0112] = 6  # the right is up
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[:, :2] = 255  # its left half, which then is the upper one
    Image.fromarray(colours).save(tmp_path / "turned.png", exif=turned)
    shown = read(tmp_path / "turned.png", channels=1)[0]
    assert shown[0].min() == 255
    assert shown[3].max() == 0


@pytest.mark.parametrize("name", ["low.tiff", "none.tiff"])
def test_values_that_are_no_brightness_are_refused(name, tmp_path):
    values = np.full((6, 6), 0.5, np.float32)
    values[2, 3] = -0.25 if name == "low.tiff" else np.nan
    Image.fromarray(values).save(tmp_path / name)
    words = {
        "low.tiff": "holds values below 0: -0.25, so its black",
        "none.tiff": "values that are not finite numbers",
    }
    with pytest.raises(UserError, match=f"{name}: not a readable picture .it .*{words[name]}.*with 8 bits"):
        read(tmp_path / name, channels=1)


@pytest.mark.parametrize("names", [("Training", "validation"), ("test_images", "train-images", "val set")])
def test_folders_that_are_named_like_splits_are_refused(names, tmp_path):
    for name in names:
        fill(tmp_path / name, 5)
    with pytest.raises(UserError, match=f"{', '.join(names)} have names that look like splits"):
        image_folders.find(tmp_path)


@pytest.mark.parametrize("name", ["train", "val"])
def test_splits_are_not_taken_for_classes(name, tmp_path):
    for inner in ("cat", "dog"):
        fill(tmp_path / "Train" / inner, 5)
        fill(tmp_path / "val" / inner, 5)
        fill(tmp_path / "outer" / "train" / inner, 5)
        fill(tmp_path / "truly" / f"{name}-{inner}", 5)
    for inner in ("train", "test"):
        fill(tmp_path / "flat" / inner, 10)
    fill(tmp_path / "some" / "train" / "cat", 5)
    fill(tmp_path / "some" / "test", 5)
    with pytest.raises(
        UserError, match=r"outer: holds only train/, with the folders cat, dog; if these are the"
    ):
        image_folders.find(tmp_path / "outer")
    for inner in ("flat", "some"):
        with pytest.raises(UserError, match="test, train have names that look like splits"):
            image_folders.find(tmp_path / inner)
    assert image_folders.find(tmp_path / "truly").classes == (f"{name}-cat", f"{name}-dog")
    assert image_folders.find(tmp_path / "Train").classes == ("cat", "dog")
    assert image_folders.find(tmp_path / "flat" / "train").classes == ()
    for inner in ("flat", "outer", "some", "truly"):
        shutil.rmtree(tmp_path / inner)
    with pytest.raises(
        UserError, match=r"Train, val hold the same folders \(cat, dog\).*name one of them, such as"
    ):
        image_folders.find(tmp_path)


def test_images_come_in_the_order_of_their_files(tmp_path):
    paths = [save(tmp_path / f"{value}.png", (value, 0, 0)) for value in range(50)]
    assert [image[0, 0, 0] for image in image_folders.read(paths, (3, 4, 4))] == list(range(50))


def test_a_damaged_image_is_named(tmp_path):
    path = save(tmp_path / "good.png", size=(64, 64))
    cut = tmp_path / "cut.png"
    cut.write_bytes(path.read_bytes()[:60])
    (tmp_path / "text.png").write_text("text")
    for bad in (cut, tmp_path / "text.png", tmp_path / "missing.png"):
        with pytest.raises(UserError, match=f"{bad.name}: not a readable picture") as caught:
            read(bad)
        assert "\n" not in str(caught.value)


def damage(folder, count: int) -> None:
    """Have some of the images of a folder be empty, or cut, by turns."""
    for number in range(count):
        path = folder / f"filled-{number}.png"
        path.write_bytes(path.read_bytes()[: 50 * (number % 2)])


def test_all_damaged_images_are_named_at_once(tmp_path):
    fill(tmp_path / "a", 30)
    damage(tmp_path / "a", 3)
    images = image_folders.find(tmp_path / "a").images

    def verify():
        image_folders.verify(tmp_path / "a", images, tmp_path / "notes", lambda items, _: items)

    for work in (verify, lambda: list(image_folders.read(images, (3, 4, 4)))):
        with pytest.raises(UserError) as caught:
            work()
        said = str(caught.value)
        assert "3 of 30 images cannot be read; replace or remove them: " in said
        assert "filled-0.png (it is empty)" in said
        assert "filled-1.png (it is a damaged PNG), " in said
        assert "filled-2.png (it is empty)" in said
    damage(tmp_path / "a", 25)
    with pytest.raises(UserError, match=r"25 of 30 images cannot be read.*, and 15 more$") as caught:
        verify()
    assert str(caught.value).count(".png (") == 10
    assert len(str(caught.value)) < 800
    assert not (tmp_path / "notes").exists()  # of so few
    fill(tmp_path / "a", 30)
    verify()


def test_of_many_images_only_new_ones_are_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(image_folders, "_FEW", 2)
    fill(tmp_path / "a", 30)
    images = image_folders.find(tmp_path / "a").images
    read_at = []

    def verify():
        def show(items, count):
            read_at.append(count)
            return items

        image_folders.verify(tmp_path / "a", images, tmp_path / "notes", show)

    verify()
    verify()
    damage(tmp_path / "a", 3)
    for _ in range(2):
        with pytest.raises(UserError, match="3 of 30 images cannot be read"):
            verify()
    fill(tmp_path / "a", 3)
    os.utime(tmp_path / "a" / "filled-9.png", ns=(0, 0))
    verify()
    assert read_at == [30, 3, 3, 4]
