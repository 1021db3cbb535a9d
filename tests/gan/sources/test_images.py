"""The user's own images as a data source; how their files are read is tested in test_image_folders.py."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stages.gan.core.source import Measured
from stages.gan.sources.images import ImagesSource
from stages.runtime.errors import UserError


def save(folder: Path, count: int, first: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for shade in range(first, first + count):
        Image.new("RGB", (6, 6), (shade, shade, shade)).save(folder / f"{shade}.png")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve cats and eight dogs, each of a shade of its own."""
    save(tmp_path / "pets" / "cat", 12)
    save(tmp_path / "pets" / "dog", 8, first=100)
    return tmp_path / "pets"


def test_folders_are_classes_of_which_a_fifth_each_is_held_out(folder):
    dataset = ImagesSource(path=str(folder), size=4).load(Path())
    train, test = dataset.splits
    assert train.samples.shape == (16, 3, 4, 4)
    assert train.samples.dtype == torch.uint8
    assert train.classes == test.classes == ("cat", "dog")
    assert train.labels.dtype == torch.int64
    assert (train.labels.bincount().tolist(), test.labels.bincount().tolist()) == ([10, 6], [2, 2])
    for split in dataset.splits:
        assert torch.equal(split.samples[:, 0, 0, 0] >= 100, split.labels == 1)
    assert len(torch.cat([train.samples, test.samples]).unique(dim=0)) == 20


def test_without_classes_there_are_no_labels(tmp_path):
    save(tmp_path / "flat", 10)
    train, test = ImagesSource(path=str(tmp_path / "flat"), size=4, channels=1).load(Path()).splits
    assert (train.samples.shape, test.samples.shape) == ((8, 1, 4, 4), (2, 1, 4, 4))
    assert train.labels is test.labels is None


def test_the_seed_picks_the_held_out_ones(folder):
    first, again, other = (
        ImagesSource(path=str(folder), size=4, seed=seed).load(Path()) for seed in (1, 1, 2)
    )
    assert torch.equal(first.test.samples, again.test.samples)
    assert not torch.equal(first.test.samples, other.test.samples)


def test_they_are_counted_without_being_read_but_for_what_is_verified(folder):
    source = ImagesSource(path=str(folder), size=4, channels=1)
    assert (source.kind, source.shape, source.path) == ("images", (1, 4, 4), str(folder))
    assert source.counts is source.labelled is None
    (folder / "cat" / "0.png").write_bytes(b"no image")
    assert source.measure(Path()) == Measured((1, 4, 4), 16, labelled=True)
    for work in (source.load, source.verify):
        with pytest.raises(UserError, match=r"0\.png: not a readable picture"):
            work(Path())


def test_of_12_bits_the_range_is_found_and_said_or_named(tmp_path, capsys):
    (tmp_path / "deep").mkdir()
    for number in range(12):
        shade = Image.fromarray(np.full((6, 6), 300 * number, np.uint16))
        shade.save(tmp_path / "deep" / f"{number:02}.png")
    for white, full in ((None, 4095), (3300, 3300), (1000, 1000)):
        found = ImagesSource(path=str(tmp_path / "deep"), size=4, channels=1, white=white).load(Path())
        shades = torch.cat([split.samples[:, 0, 0, 0] for split in found.splits]).sort().values.tolist()
        assert shades == [min(255, 300 * number * 255 // full) for number in range(12)]
        said = capsys.readouterr().out
        words = (
            "deep: images with more than 8 bits, values up to 3,300: 4,095 is taken as white; data.white can"
        )
        assert words in said if white is None else said == ""
    with pytest.raises(ValueError, match=r"data\.white: must be above 0, got -1"):
        ImagesSource(path="x", size=4, white=-1)


def test_a_size_of_two_makes_rectangles(tmp_path):
    (tmp_path / "wide").mkdir()
    for shade in range(12):
        picture = Image.new("L", (20, 10), 50 + shade)
        picture.paste(250, (0, 0, 5, 10))  # at the left, which a square in the middle would not have
        picture.save(tmp_path / "wide" / f"{shade}.png")
    source = ImagesSource(path=str(tmp_path / "wide"), size=[4, 8], channels=1)
    assert source.measure(Path()) == Measured((1, 4, 8), 9, labelled=False)
    images = source.load(Path()).train.samples
    assert images.shape[1:] == (1, 4, 8)
    assert images[0, 0, :, 0].min() > 240
    assert images[0, 0, 0, -1] < 70


def test_what_is_read_is_shown_one_by_one(folder):
    shown = []

    def show(items, count):
        for item in items:
            shown.append(count)
            yield item

    ImagesSource(path=str(folder), size=4).load(Path(), show)
    assert shown == [20] * 20
