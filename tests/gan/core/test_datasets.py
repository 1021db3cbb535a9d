from dataclasses import replace

import pytest
import torch

from stages.gan.core import datasets
from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.normalization import Normalization
from stages.gan.core.source import Source
from stages.runtime.errors import UserError


def twice(split: Split) -> Dataset:
    """A data set with two splits that are equal: a file cannot keep two that are one in memory."""
    labels = None if split.labels is None else split.labels.clone()
    return Dataset(split, replace(split, samples=split.samples.clone(), labels=labels))


def test_a_data_set_survives_its_file_with_the_same_bytes(split, tmp_path):
    dataset = twice(split)
    dataset.save(tmp_path / "a" / "dataset.safetensors")
    again = Dataset.load(tmp_path / "a" / "dataset.safetensors")
    for ours, theirs in zip(again.splits, dataset.splits, strict=True):
        assert torch.equal(ours.samples, theirs.samples)
        if theirs.labels is None:
            assert ours.labels is None
        else:
            assert torch.equal(ours.labels, theirs.labels)
    again.save(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a" / "dataset.safetensors").read_bytes()


def test_names_and_normalization_survive_the_file(points, images, tmp_path):
    normalization = Normalization.of(points.samples)
    named = Split(points.samples, normalization=normalization, columns=("speed", "height"))
    twice(named).save(tmp_path / "points")
    again = Dataset.load(tmp_path / "points").test
    assert (again.normalization, again.columns) == (normalization, ("speed", "height"))
    assert [again.column(index) for index in (0, 1)] == ["speed", "height"]
    assert [points.column(index) for index in (0, 1)] == ["x1", "x2"]
    classes = Split(images.samples, images.labels, classes=("cat", "dog"))
    twice(classes).save(tmp_path / "images")
    again = Dataset.load(tmp_path / "images").train
    assert [again.class_name(label) for label in (0, 1, 2)] == ["cat", "dog", "2"]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "dataset").write_bytes(b"nonsense")
    for name in ("dataset", "missing"):
        with pytest.raises(UserError, match=f"{name}: not a readable data set"):
            Dataset.load(tmp_path / name)


@pytest.mark.parametrize(
    ("samples", "labels", "words"),
    [
        (torch.rand(9), None, "its samples have no shape"),
        (torch.rand(9, 2), torch.zeros(9), "its labels are not class numbers"),
        (torch.rand(9, 2), torch.full((9,), -1), "its labels are not all from 0 to 999"),
        (torch.rand(9, 2), torch.full((9,), 1000), "its labels are not all from 0 to 999"),
        (torch.full((9, 2), torch.inf), None, "holds numbers that are not finite"),
    ],
)
def test_a_file_with_something_else_is_refused(samples, labels, words, tmp_path):
    twice(Split(samples, labels)).save(tmp_path / "dataset")
    with pytest.raises(UserError, match=words):
        Dataset.load(tmp_path / "dataset")


class Declared(Source):
    """A source that says of its samples what a test has it say."""

    def __init__(self, kind: str, **said: object) -> None:
        self.kind = kind
        for name, value in said.items():
            setattr(self, name, value)


def test_a_file_is_held_against_what_its_source_says(points, images, tmp_path):
    for name, split in (("points", points), ("images", images)):
        twice(split).save(tmp_path / name)
    for source in (Declared("points"), Declared("points", shape=(2,), counts=(50, 50), labelled=False)):
        assert len(Dataset.load(tmp_path / "points", source).train) == 50
    for source in (Declared("images"), Declared("images", shape=(1, 8, 8), counts=(80, 80), labelled=True)):
        assert len(Dataset.load(tmp_path / "images", source).train) == 80
    for name, source, words in (
        ("points", Declared("points", counts=(50, 40)), r"40 float32 samples of shape \(2,\)"),
        ("points", Declared("points", shape=(3,)), r"50 float32 samples of shape \(3,\)"),
        ("points", Declared("images", shape=(1, 8, 8)), r"50 uint8 samples of shape \(1, 8, 8\)"),
        ("images", Declared("images", shape=(3, 8, 8)), r"shape \(3, 8, 8\) with 80 labels"),
        ("images", Declared("images", labelled=False), r"gives 80 uint8 samples of shape \(1, 8, 8\); it is"),
    ):
        with pytest.raises(UserError, match=f"{name}: its (train|test) split holds .*{words}"):
            Dataset.load(tmp_path / name, source)


def test_images_are_scaled_and_points_are_not():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    normalized = datasets.normalize(images)
    assert (normalized.min(), normalized.max()) == (-1, 1)
    assert torch.equal(datasets.denormalize(normalized), images)
    points = torch.randn(5, 2)
    assert datasets.normalize(points) is points
    assert datasets.denormalize(points) is points


def test_classes_are_counted_over_both_splits(images, points):
    part = Split(images.samples[:3], images.labels[:3])
    assert Dataset(part, images).class_count == Dataset(images, part).class_count == 10
    assert Dataset(points, points).class_count is None
