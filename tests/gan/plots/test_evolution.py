import numpy as np
from PIL import Image

from stages.gan.plots import evolution


def test_an_animation_has_a_frame_an_epoch_and_stays_small(split, tmp_path):
    previews = [split.samples[n : n + 16] for n in range(30)]
    evolution.animation(previews, split, tmp_path / "a.gif")
    evolution.animation(previews, split, tmp_path / "b.gif")
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert (tmp_path / "a.gif").stat().st_size < 1_500_000
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 30
        assert gif.info["loop"] == 0
        assert gif.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_long_training_is_shown_in_forty_frames(points, tmp_path):
    previews = [points.samples[n % 30 : n % 30 + 16] for n in range(301)]
    evolution.animation(previews, points, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 40


def test_a_preview_keeps_its_frame(split):
    preview = evolution.Preview(split)
    first, second = preview.draw(split.samples[:16], 0), preview.draw(split.samples[16:32], 5)
    assert first.shape == second.shape
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)
