import dataclasses
import warnings

import numpy as np
import pytest
import torch
from matplotlib.text import Text
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
        draws["judge"] = lambda: figures.judge(split, split.samples[:, 1:])
        draws["coverage"] = lambda: figures.coverage(split.samples[:, :1].double() * 2, split)
    else:
        probabilities = torch.nn.functional.one_hot(split.labels, 10).float()
        draws["judge"] = lambda: figures.judge(split, 9 * probabilities)
        draws["coverage"] = lambda: figures.coverage(probabilities.mean(0, keepdim=True).T.double(), split)
        pictures, features = Split(split.samples), split.samples.flatten(1).float()
        draws["judge of pictures"] = lambda: figures.judge(pictures, pictures.normalized.flatten(1) * 0.9)
        places = torch.cat([features[:, :2], torch.arange(len(features)).unsqueeze(1) % 2], dim=1)
        draws["coverage of features"] = lambda: figures.coverage(places, pictures)
    for name, draw in draws.items():
        first, second = tmp_path / "a" / f"{name}.png", tmp_path / "b" / f"{name}.png"
        canvas.save(draw(), first)
        canvas.save(draw(), second)
        assert first.read_bytes() == second.read_bytes()
        picture = np.asarray(Image.open(first).convert("L"))
        assert picture.std() > 5  # there is something on it
        assert np.median(picture) > 200 or name in ("samples", "data", "strip", "judge of pictures")


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


def test_samples_of_told_classes_have_a_row_for_each():
    images = torch.arange(60, dtype=torch.uint8).view(60, 1, 1, 1).expand(60, 1, 2, 2)
    split = Split(images, torch.arange(60) % 6)
    told = torch.tensor([4, 0, 0, 4, 4, 5])  # of 1, 2 and 3 none is drawn
    figure = figures.samples_by_class(images[:6], told, split)
    left, right = (np.asarray(axes.images[0].get_array()) for axes in figure.axes)
    assert figure.axes[1].get_title() == "generated, a class per row"
    assert left.shape == right.shape == (3 * 3 - 1, 8 * 3 - 1)
    shown = [
        [255 - int(picture[3 * row, 3 * column]) for column in range(8)]
        for picture in (left, right)
        for row in range(3)
    ]
    assert shown[:3] == [
        [0, 6, 12, 18, 24, 30, 36, 42],
        [4, 10, 16, 22, 28, 34, 40, 46],
        [5, 11, 17, 23, 29, 35, 41, 47],
    ]
    assert [row[:3] for row in shown[3:]] == [[1, 2, 0], [0, 3, 4], [5, 0, 0]]
    assert all(number == 0 for row in shown[3:] for number in row[3:])


def test_shares_of_classes_stand_beside_the_real_ones(images):
    shares = torch.tensor([[0.75], [0.25], *[[0.0]] * 8])
    (axes,) = figures.coverage(shares, images).axes
    real, generated = ([bar.get_height() for bar in bars] for bars in axes.containers)
    assert real == pytest.approx([10] * 10)
    assert generated == pytest.approx([75, 25, *[0] * 8])


LONG = "the distance from here to there, and what is still missing " * 2
NAMED = [
    ("$10_$20", "b_$_$"),
    ("$x$", "y|_{z}"),
    (f"{LONG}(a)", f"{LONG}(b)"),
    ("猫", "Größe"),
]


@pytest.mark.parametrize("names", NAMED)
def test_names_are_drawn_as_they_are_and_break_no_figure(names, split, tmp_path):
    """Whether a font has the letters is another matter."""
    named = dataclasses.replace(split, classes=names * 5 if split.labels is not None else (), columns=names)
    if split.labels is None:
        draws = {
            "data": figures.data(named),
            "judge": figures.judge(named, split.samples[:, 1:]),
            "coverage": figures.coverage(split.samples[:, :1].double(), named),
            "strip": evolution.strip([split.samples[:4]] * 6, named),
        }
    else:
        named = dataclasses.replace(named, classes=tuple(f"{name}{n}" for n in range(5) for name in names))
        told = torch.nn.functional.one_hot(split.labels, 10).float()
        draws = {
            "judge": figures.judge(named, 9 * told),
            "coverage": figures.coverage(told.mean(0, keepdim=True).T.double(), named),
        }
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as that there is no room for the axes
        warnings.filterwarnings("ignore", "Glyph .* missing")
        for name, figure in draws.items():
            canvas.save(figure, tmp_path / f"{name}.png")
            texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
            assert not any(text.get_parse_math() for text in texts)
            picture = np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"))
            assert all((side == 255).all() for side in (picture[0], picture[-1], *picture[:, [0, -1]].T)), (
                name
            )
            size = figure.axes[0].get_window_extent().size / picture.shape[::-1]
            assert (size > (0.1 if name == "strip" else 0.2)).all()
            shown = " ".join(text.get_text() for text in texts)
            assert (names[0] if len(names[0]) < 20 else names[0][:8]) in shown
    evolution.Preview(named).draw(split.samples[:4], 3)
