import numpy as np
import pytest
import torch

from stages.gan.datasets import Split
from stages.gan.errors import UserError
from stages.gan.evaluation import load_samples

POINTS = Split(torch.zeros(5, 2))


def test_samples_of_the_right_kind_are_read(tmp_path):
    np.save(tmp_path / "samples.npy", np.ones((7, 2), np.float32))
    assert torch.equal(load_samples(tmp_path / "samples.npy", POINTS), torch.ones(7, 2))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((7, 3), np.float32), r"holds torch.float32 \(7, 3\)"),
        (np.zeros((7, 2), np.float64), "holds torch.float64"),
        (np.zeros((1, 2), np.float32), "at least 2 samples"),
        (np.zeros((0, 2), np.float32), "at least 2 samples"),
        (np.full((7, 2), np.nan, np.float32), "not finite"),
        (np.array([{"a": 1}], dtype=object), "not readable samples"),
        (np.array(["text"]), "not readable samples"),
    ],
)
def test_wrong_samples_are_refused_with_one_line(samples, words, tmp_path):
    np.save(tmp_path / "samples.npy", samples)
    with pytest.raises(UserError, match=words) as caught:
        load_samples(tmp_path / "samples.npy", POINTS)
    assert "\n" not in str(caught.value)


def test_a_missing_or_empty_file_is_named(tmp_path):
    for content in (None, b""):
        if content is not None:
            (tmp_path / "samples.npy").write_bytes(content)
        with pytest.raises(UserError, match="run the sample stage"):
            load_samples(tmp_path / "samples.npy", POINTS)
