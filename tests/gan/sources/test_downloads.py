"""MNIST and its likes, mostly from small stand-ins of their archives: there is no network in tests."""

import gzip
import hashlib
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import EMNIST, MNIST

from stages.gan.core.source import Measured
from stages.gan.sources import downloads, emnist
from stages.gan.sources.emnist import EmnistSource
from stages.gan.sources.mnist import FashionMnistSource, KmnistSource, MnistSource
from stages.runtime.errors import UserError

COUNTS = (6, 4)
PIXELS = np.arange(28 * 28, dtype=np.uint16).reshape(28, 28).astype(np.uint8)


def packed(magic: int, content: np.ndarray) -> bytes:
    head = struct.pack(f">{1 + content.ndim}i", magic, *content.shape)
    return gzip.compress(head + content.tobytes(), mtime=0)


def pair(count: int, pixels: np.ndarray, first: int = 0) -> tuple[bytes, bytes]:
    """Images, all the same, and labels from ``first`` on, in MNIST's format."""
    labels = np.arange(first, first + count, dtype=np.uint8)
    return packed(0x803, np.stack([pixels] * count)), packed(0x801, labels)


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    """A folder that GAN_MIRROR names; there is no other source."""
    folder = tmp_path / "mirror"
    monkeypatch.setenv("GAN_MIRROR", str(folder))
    return folder


@pytest.mark.parametrize(
    ("source", "folder", "name"),
    [(FashionMnistSource, "fashion_mnist", "FashionMNIST"), (KmnistSource, "kmnist", "KMNIST")],
)
def test_those_of_mnists_form_come_from_their_folder(source, folder, name, mirror, tmp_path, monkeypatch):
    sums = []
    for part, count in zip(("train", "t10k"), COUNTS, strict=True):
        for kind, content in zip(("images-idx3", "labels-idx1"), pair(count, PIXELS), strict=True):
            path = mirror / folder / f"{part}-{kind}-ubyte.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sums.append((path.name, hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(f"torchvision.datasets.{name}.resources", sums)
    monkeypatch.setattr(f"torchvision.datasets.{name}.mirrors", [])
    fetch = downloads._fetch
    monkeypatch.setattr(downloads, "_fetch", lambda *arguments: fetch(*arguments[:-1], COUNTS))
    found = source().load(tmp_path / "raw")
    assert [split.samples.shape for split in found.splits] == [(6, 1, 28, 28), (4, 1, 28, 28)]
    assert np.array_equal(found.train.samples[0, 0].numpy(), PIXELS)
    assert found.test.labels.tolist() == [0, 1, 2, 3]
    assert found.train.class_name(1) == ("Trouser" if source is FashionMnistSource else "1")
    assert len(source(limit=3).load(tmp_path / "raw").train) == 3
    (mirror / folder / sums[0][0]).write_bytes(b"not what it should be")
    with pytest.raises(UserError, match=rf"{name} could not be downloaded; .* wrong MD5 sum.* in {folder}/"):
        source().load(tmp_path / "another")


def test_emnist_is_upright_and_its_labels_begin_with_0(mirror, tmp_path, monkeypatch):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for part, count in zip(("train", "test"), COUNTS, strict=True):
            for kind, content in zip(("images-idx3", "labels-idx1"), pair(count, PIXELS.T, 1), strict=True):
                zipped.writestr(f"gzip/emnist-letters-{part}-{kind}-ubyte.gz", content)
    (mirror / "emnist").mkdir(parents=True)
    (mirror / "emnist" / "gzip.zip").write_bytes(archive.getvalue())
    monkeypatch.setattr(EMNIST, "md5", hashlib.md5(archive.getvalue()).hexdigest())
    url = EMNIST.url
    monkeypatch.setitem(emnist.SIZES, "letters", COUNTS)
    for raw in ("raw", "raw", "another"):  # the second time, all is there
        found = EmnistSource(split="letters").load(tmp_path / raw)
        assert np.array_equal(found.train.samples[0, 0].numpy(), PIXELS)
        assert found.train.labels.tolist() == [0, 1, 2, 3, 4, 5]
        assert [found.test.class_name(label) for label in range(4)] == ["a", "b", "c", "d"]
    assert url == EMNIST.url


def test_mnist_comes_from_the_mirror(tmp_path, monkeypatch, mnist_mirror):
    monkeypatch.setenv("GAN_MIRROR", mnist_mirror)
    monkeypatch.setattr(MNIST, "mirrors", [])  # from there and from nowhere else
    mnist = MnistSource().load(tmp_path)
    assert mnist.train.samples.shape == (60_000, 1, 28, 28)
    assert mnist.test.samples.shape == (10_000, 1, 28, 28)
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    # A broken unpacked file and a broken archive are mended on the next call.
    raw = tmp_path / "MNIST" / "raw"
    (raw / "train-images-idx3-ubyte").write_bytes(b"cut short")
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(b"broken")
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    limited = MnistSource(limit=100).load(tmp_path)
    assert torch.equal(limited.train.samples, mnist.train.samples[:100])
    assert len(limited.test) == 100


def test_mnist_without_a_source_names_those_tried_and_keeps_no_bad_file(mirror, tmp_path, monkeypatch):
    raw = tmp_path / "raw"
    mirror.mkdir()
    for name, _ in MNIST.resources:
        (mirror / name).write_bytes(b"not what it should be")
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/mnist/"])
    with pytest.raises(UserError) as caught:
        MnistSource().load(raw)
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


def test_what_will_be_loaded_is_known_beforehand():
    for source in (MnistSource(), FashionMnistSource(), KmnistSource()):
        assert (source.kind, source.shape, source.counts) == ("images", (1, 28, 28), (60_000, 10_000))
        assert source.labelled
    assert MnistSource(limit=100).counts == (100, 100)
    assert MnistSource(limit=20_000).measure(Path()) == Measured((1, 28, 28), 20_000, labelled=True)
    assert EmnistSource().counts == (112_800, 18_800)
    assert EmnistSource(split="letters", limit=50_000).counts == (50_000, 20_800)
