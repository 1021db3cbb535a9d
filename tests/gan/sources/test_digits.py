from pathlib import Path

import pytest
import torch

from stages.gan.core.datasets import Dataset
from stages.gan.core.source import Measured
from stages.gan.sources.digits import DigitsSource


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return DigitsSource(seed=111).load(Path())


def test_digits_are_split_into_four_fifths_and_one(digits):
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert digits.shape == (1, 8, 8)
    assert digits.train.samples.dtype == torch.uint8
    assert (int(digits.train.samples.min()), int(digits.train.samples.max())) == (0, 255)
    assert digits.train.labels.bincount().min() > 130  # every class
    assert digits.test.labels.bincount().min() > 30
    together = torch.cat([digits.train.samples, digits.test.samples]).flatten(1)
    assert len(together.unique(dim=0)) == 1797


def test_the_seed_picks_the_held_out_fifth(digits):
    assert torch.equal(DigitsSource(seed=111).load(Path()).test.samples, digits.test.samples)
    assert not torch.equal(DigitsSource(seed=1).load(Path()).test.samples, digits.test.samples)


def test_it_says_what_it_loads(digits):
    source = DigitsSource(seed=111)
    assert (source.kind, source.shape, source.counts) == ("images", digits.shape, (1437, 360))
    assert source.labelled
    assert source.measure(Path()) == Measured((1, 8, 8), 1437, labelled=True)


def test_few_training_images_are_some_of_all(digits):
    source = DigitsSource(seed=111, train_limit=200)
    few = source.load(Path())
    assert source.counts == (len(few.train), len(few.test)) == (200, 360)
    assert torch.equal(few.test.samples, digits.test.samples)
    assert few.train.labels.unique().tolist() == list(range(10))
    whole = {image.numpy().tobytes() for image in digits.train.samples}
    assert {image.numpy().tobytes() for image in few.train.samples} <= whole
    assert len(DigitsSource(seed=111, train_limit=5000).load(Path()).train) == 1437


def test_a_data_set_of_digits_survives_its_file(digits, tmp_path):
    digits.save(tmp_path / "dataset")
    again = Dataset.load(tmp_path / "dataset", DigitsSource(seed=111))
    assert torch.equal(again.train.samples, digits.train.samples)
    assert torch.equal(again.test.labels, digits.test.labels)
