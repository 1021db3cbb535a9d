import json

import numpy as np

from stages.gan.evaluation import scores


def test_saved_scores_are_rounded_numbers(tmp_path):
    saved = scores.save(tmp_path / "a" / "metrics.json", {"x": 1 / 3, "n": 1234567, "y": np.float64(2e-9)})
    assert json.loads((tmp_path / "a" / "metrics.json").read_text()) == saved
    assert saved == {"x": 0.333333, "n": 1234567, "y": 2e-9}
