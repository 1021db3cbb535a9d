import json
import math

import numpy as np
import pytest

from stages.gan.core import numbers
from stages.runtime.errors import UserError


def test_numbers_are_rounded_to_six_digits_in_the_file_as_in_what_is_returned(tmp_path):
    saved = numbers.save(
        tmp_path / "a" / "numbers.json", {"x": 1 / 3, "n": 1234567, "y": np.float64(2e-9)}, "unused"
    )
    assert json.loads((tmp_path / "a" / "numbers.json").read_text()) == saved
    assert saved == {"x": 0.333333, "n": 1234567, "y": 2e-9}
    assert list(saved) == ["x", "n", "y"]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_and_nothing_is_written(bad, tmp_path):
    path = tmp_path / "numbers.json"
    with pytest.raises(
        UserError, match=r"numbers\.json: not written, because loss is not finite: lower the lr"
    ):
        numbers.save(path, {"accuracy": 0.5, "loss": bad}, "lower the lr")
    assert not path.exists()
