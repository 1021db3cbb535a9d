"""The user's own points as a data source; how their files are read is tested in test_tables.py."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stages.gan.core.source import Measured
from stages.gan.sources.array import ArraySource
from stages.runtime.errors import UserError


@pytest.fixture
def path(tmp_path) -> str:
    """A table of 51 points in units of different sizes."""
    rows = np.random.default_rng(0).normal((1000, 0.1, -5), (10, 0.01, 2), (51, 3))
    lines = ["speed,height,depth", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "points.csv").write_text("\n".join(lines))
    return str(tmp_path / "points.csv")


def test_a_fifth_of_the_rows_is_held_out_and_all_are_normalized_by_the_others(path):
    dataset = ArraySource(path=path).load(Path())
    train, test = dataset.splits
    assert (len(train), len(test)) == (40, 11)
    assert train.samples.dtype == torch.float32
    assert train.columns == test.columns == ("speed", "height", "depth")
    assert train.normalization == test.normalization
    assert torch.allclose(train.normalized.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(train.normalized.std(0), torch.ones(3), atol=1e-4)
    assert abs(train.samples[:, 0].mean() - 1000) < 10  # in the data's units
    assert len(torch.cat([train.samples, test.samples]).unique(dim=0)) == 51


def test_the_seed_picks_them(path):
    first, again, other = (ArraySource(path=path, seed=seed).load(Path()) for seed in (1, 1, 2))
    assert torch.equal(first.test.samples, again.test.samples)
    assert not torch.equal(first.test.samples, other.test.samples)


def test_what_is_known_only_by_reading_is_measured(path):
    source = ArraySource(path=path)
    assert (source.kind, source.path, source.shape, source.counts) == ("points", path, None, None)
    assert source.measure(Path()) == Measured((3,), 40)


def test_a_column_that_is_the_same_in_all_training_rows_is_refused(tmp_path):
    values = np.random.default_rng(0).normal(size=(10, 2)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    held_out = ArraySource(path=str(tmp_path / "a.npy")).load(Path()).test.samples[0, 1].item()
    values[:, 1] = values[:, 1] == held_out  # differs in a row of the test split alone
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(UserError, match=r"a\.npy: a column has the same value in all training rows"):
        ArraySource(path=str(tmp_path / "a.npy")).load(Path())


def test_a_missing_file_is_named(tmp_path):
    for work in (lambda source: source.measure(Path()), lambda source: source.load(Path())):
        with pytest.raises(UserError, match="there is no such file"):
            work(ArraySource(path=str(tmp_path / "none.npy")))
