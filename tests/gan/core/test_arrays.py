import numpy as np
import pytest
import torch

from stages.gan.core import arrays
from stages.runtime.errors import UserError


def test_blocks_become_one_array_of_numpys_own_format(tmp_path):
    rows = torch.arange(21, dtype=torch.uint8).view(7, 3)
    arrays.save(tmp_path / "a" / "rows.npy", rows.split(3), 7)
    found = np.load(tmp_path / "a" / "rows.npy")
    assert found.dtype == np.uint8
    assert np.array_equal(found, rows.numpy())
    assert torch.equal(arrays.load(tmp_path / "a" / "rows.npy", "rows", "sample"), rows)
    np.save(tmp_path / "whole.npy", rows.numpy())
    assert (tmp_path / "whole.npy").read_bytes() == (tmp_path / "a" / "rows.npy").read_bytes()


def test_a_missing_file_is_named_with_the_stage_that_makes_it(tmp_path):
    with pytest.raises(UserError, match=r"none\.npy: not readable rows \(.*\); run the sample stage"):
        arrays.load(tmp_path / "none.npy", "rows", "sample")


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    np.save(tmp_path / "rows.npy", np.array([[1, np.nan]]))
    with pytest.raises(UserError, match=r"rows\.npy: holds numbers that are not finite; train again"):
        arrays.load(tmp_path / "rows.npy", "rows", "sample")


def test_nothing_is_ever_unpickled(tmp_path):
    np.save(tmp_path / "rows.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not readable rows"):
        arrays.load(tmp_path / "rows.npy", "rows", "sample")
