import dataclasses
import warnings

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image

from stages.gan.core.datasets import Split
from stages.gan.core.history import Epoch
from stages.gan.plots import canvas, evolution, figures, image_files


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
        image_files.save(draw(), first)
        image_files.save(draw(), second)
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
    assert figure.axes[1].get_title() == "generated, one class per row"
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


def test_images_fill_their_figure():
    images = torch.zeros(64, 3, 8, 16, dtype=torch.uint8)  # twice as wide as high
    split = Split(images, torch.arange(64) % 2)
    width, height = figures.samples(images, split).get_size_inches()
    assert height == pytest.approx(width / 4 + 0.2)
    width, height = figures.samples_by_class(images, torch.arange(64) % 2, split).get_size_inches()
    assert height == pytest.approx(width / 2 * 2 / 8 / 2 + 0.2)  # two rows of eight


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
            image_files.save(figure, tmp_path / f"{name}.png")
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


RING = torch.stack([torch.arange(80.0).cos(), torch.arange(80.0).sin()], dim=1)


def test_points_outside_the_axes_are_counted_in_the_title():
    split = Split(torch.stack([torch.arange(10.0), torch.arange(10.0)], dim=1))  # axes from -1.8 to 10.8
    some = torch.tensor([[0.0, 0.0], [11.0, 0.0], [0.0, -2.0], [20.0, 20.0]])
    assert canvas.titled("epoch 3", some, split) == "epoch 3, 75.0% outside"
    assert canvas.titled("", some[1:2], split) == "100.0% outside"
    assert canvas.titled("real", split.samples, split) == "real"
    assert canvas.titled("", some[:1].repeat(3000, 1)[:-1], split) == ""
    many = torch.cat([some[:1].repeat(3000, 1), some[1:2]])
    assert canvas.titled("x", many, split) == "x, <0.1% outside"
    column = Split(split.samples[:, :1])
    assert canvas.titled("x", some[:, :1], column) == "x, 50.0% outside"
    left, right = figures.samples(some, split).axes
    assert (left.get_title(), right.get_title()) == ("real", "generated, 75.0% outside")
    preview = evolution.Preview(split)
    for points, title in ((some, "epoch 0, 75.0% outside"), (some[:1], "epoch 1")):
        preview.draw(points, int(title[6]))
        assert preview._axes.get_title() == title
    scatter, distribution = figures.coverage(some.double(), split).axes
    assert scatter.get_title() == "generated over real, 75.0% outside"
    assert distribution.get_title() == "generated: 50.0% outside the range"


def test_a_ring_has_axes_of_the_same_scale():
    wide, column = RING * torch.tensor([1.0, 2.0]), RING[:, :1]
    for points, equal in ((RING, True), (wide, False), (column, False)):
        split = Split(points)
        axes, _ = canvas.panels(2, split)[1]
        canvas.show(axes, points, split, "black", "")
        assert (axes.get_aspect() == 1.0) == equal


def test_the_evolution_of_points_has_the_real_ones_behind():
    split = Split(RING)
    for axes in evolution.strip([RING[:4]] * 3, split).axes:
        behind, generated = axes.lines
        assert len(behind.get_xdata()) == len(RING)
        assert len(generated.get_xdata()) == 4


def test_the_numbers_of_a_confusion_matrix_can_be_read_whatever_the_judge():
    labels = torch.arange(2).repeat_interleave(100)
    split = Split(torch.zeros(200, 1, 4, 4, dtype=torch.uint8), labels)
    predicted = torch.zeros(200, dtype=torch.int64)
    predicted[:5] = 1  # 95 of 100 right, and 100 of 100 wrong
    answers = torch.nn.functional.one_hot(predicted, 2).double()
    axes = figures.judge_of_images(split, answers).axes[0]
    colors = {text.get_text(): text.get_color() for text in axes.texts}
    assert colors == {"95": "white", "5": "black", "100": "white"}


def test_large_losses_do_not_flatten_the_others():
    history = [Epoch(n, 0.7, loss, 0.6, 0.4, torch.zeros(1, 2)) for n, loss in ((1, 0.9), (2, 400.0))]
    assert figures.losses(history).axes[0].get_yscale() == "symlog"
    assert figures.losses(history[:1]).axes[0].get_yscale() == "linear"
