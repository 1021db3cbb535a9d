"""The likes of MNIST, from small stand-ins of their archives: there is no network in tests."""

import gzip
import hashlib
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.gan.core.params import EmnistData, MnistData
from stages.gan.sources import sources
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


@pytest.mark.parametrize(("source", "name"), [("fashion_mnist", "FashionMNIST"), ("kmnist", "KMNIST")])
def test_those_of_mnists_form_come_from_their_folder(source, name, mirror, tmp_path, monkeypatch):
    sums = []
    for part, count in zip(("train", "t10k"), COUNTS, strict=True):
        for kind, content in zip(("images-idx3", "labels-idx1"), pair(count, PIXELS), strict=True):
            path = mirror / source / f"{part}-{kind}-ubyte.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sums.append((path.name, hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(f"torchvision.datasets.{name}.resources", sums)
    monkeypatch.setattr(f"torchvision.datasets.{name}.mirrors", [])
    monkeypatch.setattr(MnistData, "whole", COUNTS)
    found = sources.prepare(MnistData(source=source), tmp_path / "raw")
    assert [split.samples.shape for split in found.splits] == [(6, 1, 28, 28), (4, 1, 28, 28)]
    assert np.array_equal(found.train.samples[0, 0].numpy(), PIXELS)
    assert found.test.labels.tolist() == [0, 1, 2, 3]
    assert found.train.class_name(1) == ("Trouser" if source == "fashion_mnist" else "1")
    assert len(sources.prepare(MnistData(source=source, limit=3), tmp_path / "raw").train) == 3
    (mirror / source / sums[0][0]).write_bytes(b"not what it should be")
    with pytest.raises(UserError, match=rf"{name} could not be downloaded; .* wrong MD5 sum.* in {source}/"):
        sources.prepare(MnistData(source=source), tmp_path / "another")


def test_emnist_is_upright_and_its_labels_begin_with_0(mirror, tmp_path, monkeypatch):
    from torchvision.datasets import EMNIST

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for part, count in zip(("train", "test"), COUNTS, strict=True):
            for kind, content in zip(("images-idx3", "labels-idx1"), pair(count, PIXELS.T, 1), strict=True):
                zipped.writestr(f"gzip/emnist-letters-{part}-{kind}-ubyte.gz", content)
    (mirror / "emnist").mkdir(parents=True)
    (mirror / "emnist" / "gzip.zip").write_bytes(archive.getvalue())
    monkeypatch.setattr(EMNIST, "md5", hashlib.md5(archive.getvalue()).hexdigest())
    url = EMNIST.url
    monkeypatch.setattr(EmnistData, "sizes", {"letters": COUNTS})
    for raw in ("raw", "raw", "another"):  # the second time, all is there
        found = sources.prepare(EmnistData(source="emnist", split="letters"), tmp_path / raw)
        assert np.array_equal(found.train.samples[0, 0].numpy(), PIXELS)
        assert found.train.labels.tolist() == [0, 1, 2, 3, 4, 5]
        assert [found.test.class_name(label) for label in range(4)] == ["a", "b", "c", "d"]
    assert url == EMNIST.url
