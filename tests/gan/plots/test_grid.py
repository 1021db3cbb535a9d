import numpy as np
from PIL import Image

from stages.gan.plots import grid


def test_a_grid_is_drawn_with_the_same_bytes_each_time(split, tmp_path):
    for name in "ab":
        grid.save(tmp_path / name / "grid.png", split.samples[:25], split)
    first, second = (tmp_path / name / "grid.png" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    picture = np.asarray(Image.open(first))
    if split.labels is not None:
        assert picture.shape == (44, 44)  # 5 images of 8 pixels and 4 gaps: pixel by pixel
        np.testing.assert_array_equal(picture[:8, :8], split.samples[0, 0])
    else:
        assert picture.std() > 5
