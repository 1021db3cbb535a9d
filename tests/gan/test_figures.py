import numpy as np
import pytest
import torch
from PIL import Image

from stages.gan import figures
from stages.gan.datasets import Split
from stages.gan.history import Epoch


@pytest.fixture
def points() -> Split:
    return Split(torch.rand(50, 2, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def images() -> Split:
    noise = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat(8)
    return Split(torch.randint(0, 256, (80, 1, 8, 8), generator=noise, dtype=torch.uint8), labels)


@pytest.fixture(params=["points", "images"])
def split(request) -> Split:
    return request.getfixturevalue(request.param)


def test_every_figure_is_drawn_with_the_same_bytes_each_time(split, tmp_path):
    history = [Epoch(n, 1 / n, 0.5, 0.6, 0.4, split.samples[:4]) for n in (1, 2, 3)]
    draws = {
        "data": lambda: figures.data(split),
        "samples": lambda: figures.samples(split.samples.flip(0), split),
        "losses": lambda: figures.losses(history),
        "strip": lambda: figures.strip([epoch.preview for epoch in history], split),
    }
    if split.labels is None:
        draws["judge"] = lambda: figures.judge_of_points(split.samples, split.samples[:, 1:])
        draws["coverage"] = lambda: figures.coverage_of_points(split.samples * 2, split.samples, 10)
    else:
        probabilities = torch.nn.functional.one_hot(split.labels, 10).float()
        draws["judge"] = lambda: figures.judge_of_images(split.samples, split.labels, probabilities)
        draws["coverage"] = lambda: figures.coverage_of_classes([0.1] * 10, split.labels)
    for name, draw in draws.items():
        first, second = tmp_path / "a" / f"{name}.png", tmp_path / "b" / f"{name}.png"
        figures.save(draw(), first)
        figures.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()
        picture = np.asarray(Image.open(first).convert("L"))
        assert picture.std() > 5  # there is something on it
        assert np.median(picture) > 200 or name in ("samples", "data", "strip")


def test_an_animation_has_a_frame_an_epoch_and_stays_small(split, tmp_path):
    previews = [split.samples[n : n + 16] for n in range(30)]
    figures.animation(previews, split, tmp_path / "a.gif")
    figures.animation(previews, split, tmp_path / "b.gif")
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert (tmp_path / "a.gif").stat().st_size < 1_500_000
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 30
        assert gif.info["loop"] == 0
        assert gif.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_long_training_is_shown_in_a_hundred_frames(points, tmp_path):
    previews = [points.samples[n % 30 : n % 30 + 16] for n in range(301)]
    figures.animation(previews, points, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 100


def test_a_preview_keeps_its_frame(split):
    preview = figures.Preview(split)
    first, second = preview.draw(split.samples[:16], 0), preview.draw(split.samples[16:32], 5)
    assert first.shape == second.shape
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)


def test_digits_are_dark_on_light():
    image = torch.zeros(1, 4, 4, dtype=torch.uint8)
    image[0, 1, 1] = 255
    shown = figures._dark_on_light(image)
    assert (shown[0, 0], shown[1, 1]) == (255, 0)
