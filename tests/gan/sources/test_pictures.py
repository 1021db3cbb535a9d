import numpy as np
import pytest
import torch
from PIL import Image

from stages.gan.sources import pictures
from stages.runtime.errors import UserError

MNIST = pictures.FRAMES["mnist"]


def drawn(ink: int = 0, paper: int = 255, mode: str = "L") -> Image.Image:
    """A 7 of straight strokes, off centre on a large sheet."""
    values = np.full((300, 400), paper, dtype=np.uint8)
    values[40:60, 200:300] = ink
    values[40:240, 280:300] = ink
    return Image.fromarray(values).convert(mode)


def fitted(picture: Image.Image) -> np.ndarray:
    found = pictures.fit(picture, (1, 28, 28), MNIST, "a picture")
    assert found.shape == (1, 28, 28)
    assert found.dtype == torch.uint8
    return found[0].numpy().astype(float)


def test_the_ink_fills_20_pixels_with_its_mass_in_the_middle():
    found = fitted(drawn())
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    assert (len(rows), len(columns)) == (20, 10)
    assert found.max() == 255
    assert found[0, 0] == 0
    for axis in (0, 1):
        assert abs((found.sum(1 - axis) @ np.arange(28)) / found.sum() - 14) <= 0.5


@pytest.mark.parametrize(("ink", "paper"), [(255, 0), (60, 200), (200, 90), (110, 160)])
def test_its_colours_do_not_matter(ink, paper):
    assert np.abs(fitted(drawn(ink, paper, "RGB")) - fitted(drawn())).max() <= 2


def test_nor_do_transparency_depth_and_rotation_by_the_camera(tmp_path):
    upright = fitted(drawn())
    for color in ("white", "black"):
        ink = Image.new("L", (400, 300), color)
        glass = Image.merge("LA", (ink, drawn(255, 0)))
        assert np.abs(fitted(glass) - upright).max() <= 2
    deep = Image.fromarray(np.asarray(drawn()).astype(np.uint16) * 257)
    assert np.abs(fitted(deep) - upright).max() <= 2
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    drawn().transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    assert np.abs(fitted(pictures.load(tmp_path / "turned.png")) - upright).max() <= 2


def test_nor_do_noise_and_shade():
    values = np.asarray(drawn(60, 200)).astype(float)
    noise = np.random.default_rng(0).normal(0, 12, values.shape)
    shade = np.linspace(-15, 15, values.shape[1])
    paper = Image.fromarray((values + noise + shade).clip(0, 255).astype(np.uint8))
    assert np.abs(fitted(paper) - fitted(drawn())).mean() < 5


def test_eight_by_eight_is_filled_by_the_box():
    found = pictures.fit(drawn(), (1, 8, 8), pictures.FRAMES["digits"], "a picture")[0].numpy()
    assert found.any(1).all()
    assert np.flatnonzero(found.any(0)).tolist() == [2, 3, 4, 5]


def test_other_data_get_the_whole_picture_as_it_is():
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 4, 3), dtype=np.uint8))
    found = pictures.fit(colours, (3, 6, 4), None, "a picture")
    assert torch.equal(found, torch.from_numpy(np.array(colours)).permute(2, 0, 1))
    assert pictures.fit(drawn(), (1, 8, 8), None, "a picture")[0, 7, 0] == 255


@pytest.mark.parametrize("color", [0, 128, 255])
def test_nothing_on_it_is_reported(color):
    with pytest.raises(UserError, match=r"blank\.png: there is nothing on it"):
        pictures.fit(drawn(color, color), (1, 28, 28), MNIST, "blank.png")


def test_what_is_no_picture_is_reported(tmp_path):
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60), dtype=np.uint8)).save(whole)
    contents = {"empty": b"", "text": b"hello", "cut": whole.read_bytes()[:1000]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    for name in (*contents, "folder", "missing"):
        with pytest.raises(UserError, match=f"{name}: not a readable picture"):
            pictures.load(tmp_path / name)
