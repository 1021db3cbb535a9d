import numpy as np
import torch
from PIL import Image

from stages.gan.core.datasets import Split
from stages.gan.core.history import Epoch
from stages.gan.plots import canvas, evolution, figures


def test_every_figure_is_drawn_with_the_same_bytes_each_time(split, tmp_path):
    history = [Epoch(n, 1 / n, 0.5, 0.6, 0.4, split.samples[:4]) for n in (1, 2, 3)]
    draws = {
        "data": lambda: figures.data(split),
        "samples": lambda: figures.samples(split.samples.flip(0), split),
        "losses": lambda: figures.losses(history),
        "strip": lambda: evolution.strip([epoch.preview for epoch in history], split),
    }
    if split.labels is None:
        draws["judge"] = lambda: figures.judge_of_points(split, split.samples[:, 1:])
        draws["coverage"] = lambda: figures.coverage_of_points(split.samples * 2, split, 10)
    else:
        probabilities = torch.nn.functional.one_hot(split.labels, 10).float()
        draws["judge"] = lambda: figures.judge_of_images(split, probabilities)
        draws["coverage"] = lambda: figures.coverage_of_classes([0.1] * 10, split)
    for name, draw in draws.items():
        first, second = tmp_path / "a" / f"{name}.png", tmp_path / "b" / f"{name}.png"
        canvas.save(draw(), first)
        canvas.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()
        picture = np.asarray(Image.open(first).convert("L"))
        assert picture.std() > 5  # there is something on it
        assert np.median(picture) > 200 or name in ("samples", "data", "strip")


def test_digits_are_dark_on_light_and_photographs_as_they_are():
    image = torch.zeros(1, 4, 4, dtype=torch.uint8)
    image[0, 1, 1] = 255
    shown = canvas.pixels(image, Split(image[None]))
    assert (shown[0, 0], shown[1, 1]) == (255, 0)
    photograph = (image // 2) + 40
    shown = canvas.pixels(photograph, Split(photograph[None]))
    assert (shown[0, 0], shown[1, 1]) == (40, 167)
    colours = image.expand(3, 4, 4)
    assert canvas.pixels(colours, Split(colours[None])).shape == (4, 4, 3)
