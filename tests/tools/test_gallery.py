import numpy as np
import torch
from PIL import Image

from stages.gan.core.datasets import Split
from stages.tools import gallery


def test_small_images_are_enlarged_in_the_grid(images, tmp_path):
    gallery.save(tmp_path / "grid.png", images.samples[:4], images)
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (17 * 7, 17 * 7)  # two images and a gap, each pixel 7x7
        assert np.array_equal(np.asarray(picture)[:56:7, :56:7], images.samples[0, 0].numpy())


def test_many_images_are_not(tmp_path):
    black = torch.zeros(10_000, 1, 28, 28, dtype=torch.uint8)
    gallery.save(tmp_path / "grid.png", black, Split(black))
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (2998, 2998)


def test_colours_stay_as_they_are(tmp_path):
    image = torch.randint(0, 256, (3, 5, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    gallery.save_image(tmp_path / "a.png", image)
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), image.permute(1, 2, 0).numpy())


def test_a_table_gives_the_same_numbers_back(points, tmp_path):
    gallery.save_table(tmp_path / "a.csv", points.samples.split(20))
    assert (tmp_path / "a.csv").read_text().startswith("x1,x2\n")
    found = np.loadtxt(tmp_path / "a.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(found, points.samples.numpy())


def test_a_picture_has_a_limit():
    assert gallery.most((2,)) == 100_000
    assert gallery.most((1, 28, 28)) == 10_000
    assert gallery.most((3, 256, 256)) == 254
