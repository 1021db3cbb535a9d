import math
from pathlib import Path

import pytest
import torch

from stages.gan.core import datasets
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import DigitsData, MnistData, SineData
from stages.gan.sources import sources
from stages.runtime.errors import UserError


def sine(**changes) -> Dataset:
    return sources.prepare(SineData(**({"source": "sine", "points": 1024, "seed": 111} | changes)), Path())


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return sources.prepare(DigitsData(source="digits", seed=111), Path())


def test_sine_points_lie_on_the_curve_over_its_whole_range():
    points = sine().train.samples
    assert points.shape == (1024, 2)
    assert points.dtype == torch.float32
    x1, x2 = points.unbind(1)
    assert torch.equal(x2, x1.sin())
    assert 0 <= x1.min() < 0.05
    assert 2 * math.pi - 0.05 < x1.max() < 2 * math.pi
    assert x1.mean() == pytest.approx(math.pi, abs=0.2)


def test_sine_depends_on_its_seed_and_its_splits_differ():
    assert torch.equal(sine().train.samples, sine().train.samples)
    assert not torch.equal(sine().train.samples, sine(seed=1).train.samples)
    assert not torch.equal(sine().train.samples, sine().test.samples)


def test_digits_are_split_into_four_fifths_and_one(digits):
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert digits.shape == (1, 8, 8)
    assert digits.train.samples.dtype == torch.uint8
    assert (int(digits.train.samples.min()), int(digits.train.samples.max())) == (0, 255)
    assert digits.train.labels.bincount().min() > 130  # every class
    assert digits.test.labels.bincount().min() > 30
    together = torch.cat([digits.train.samples, digits.test.samples]).flatten(1)
    assert len(together.unique(dim=0)) == 1797


def test_a_data_set_survives_its_file_with_the_same_bytes(digits, tmp_path):
    digits.save(tmp_path / "a" / "dataset.safetensors")
    again = Dataset.load(tmp_path / "a" / "dataset.safetensors")
    assert torch.equal(again.train.samples, digits.train.samples)
    assert torch.equal(again.test.labels, digits.test.labels)
    again.save(tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a" / "dataset.safetensors").read_bytes()
    points = sine()
    points.save(tmp_path / "c")
    assert Dataset.load(tmp_path / "c").train.labels is None


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "dataset").write_bytes(b"nonsense")
    for name in ("dataset", "missing"):
        with pytest.raises(UserError, match=f"{name}: not a readable data set"):
            Dataset.load(tmp_path / name)


def test_images_are_scaled_and_points_are_not():
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    unit = datasets.normalize(images)
    assert (unit.min(), unit.max()) == (-1, 1)
    assert torch.equal(datasets.denormalize(unit), images)
    points = torch.randn(5, 2)
    assert datasets.normalize(points) is points
    assert datasets.denormalize(points) is points


def test_mnist_comes_from_the_mirror(tmp_path, monkeypatch, mnist_mirror):
    monkeypatch.setenv("GAN_MIRROR", mnist_mirror)
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", [])  # from there and from nowhere else
    mnist = sources.prepare(MnistData(source="mnist"), tmp_path)
    assert mnist.train.samples.shape == (60_000, 1, 28, 28)
    assert mnist.test.samples.shape == (10_000, 1, 28, 28)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    # A broken unpacked file and a broken archive are mended on the next call.
    raw = tmp_path / "MNIST" / "raw"
    (raw / "train-images-idx3-ubyte").write_bytes(b"cut short")
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(b"broken")
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    limited = sources.prepare(MnistData(source="mnist", limit=100), tmp_path)
    assert torch.equal(limited.train.samples, mnist.train.samples[:100])
    assert len(limited.test) == 100


def test_mnist_without_a_source_names_those_tried_and_keeps_no_bad_file(tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    mirror, raw = tmp_path / "mirror", tmp_path / "raw"
    mirror.mkdir()
    for name, _ in MNIST.resources:
        (mirror / name).write_bytes(b"not what it should be")
    monkeypatch.setenv("GAN_MIRROR", str(mirror))
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/mnist/"])
    with pytest.raises(UserError) as caught:
        sources.prepare(MnistData(source="mnist"), raw)
    message = str(caught.value)
    for words in (
        f"{mirror} (train-images-idx3-ubyte.gz has a wrong MD5 sum)",
        "http://127.0.0.1:9/mnist/",
        "GAN_MIRROR",
        "sine, digits",
    ):
        assert words in message
    assert "\n" not in message
    assert not list(raw.rglob("*ubyte*"))
    assert MNIST.mirrors == ["http://127.0.0.1:9/mnist/"]
