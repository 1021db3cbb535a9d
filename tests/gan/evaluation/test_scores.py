import json

import numpy as np
import pytest

from stages.gan.evaluation import scores


def test_saved_scores_are_rounded_numbers(tmp_path):
    saved = scores.save(tmp_path / "a" / "metrics.json", {"x": 1 / 3, "n": 1234567, "y": np.float64(2e-9)})
    assert json.loads((tmp_path / "a" / "metrics.json").read_text()) == saved
    assert saved == {"x": 0.333333, "n": 1234567, "y": 2e-9}


REAL = {"recall": 0.8, "coverage": 0.9, "classes_covered": 8, "class_entropy": 0.9, "x1_coverage": 0.96}


@pytest.mark.parametrize(
    ("low", "collapsed"),
    [
        ({}, 0),
        ({"diversity": 0.099}, 1),
        ({"diversity": 0.1}, 0),
        ({"classes_covered": 3}, 1),
        ({"classes_covered": 4}, 0),
        ({"class_entropy": 0.44}, 1),
        ({"class_entropy": 0.46}, 0),
        ({"x1_coverage": 0.47}, 1),
        ({"x1_coverage": 0.48}, 0),
        ({"recall": 0.19}, 1),
        ({"recall": 0.21}, 0),
        ({"coverage": 0.22}, 1),
        ({"coverage": 0.23}, 0),
    ],
)
def test_a_collapse_is_too_little_of_what_real_samples_have(low, collapsed):
    found = scores.collapse({**REAL, "diversity": 1.0, **low}, REAL)
    assert found == ([*low] if collapsed else [])


def test_a_collapse_goes_by_the_scores_that_there_are():
    assert scores.collapse({"diversity": 1.0}, REAL) == []


def test_the_rule_in_words_is_the_rule():
    for name, share in scores.COLLAPSED_BELOW.items():
        assert name in scores.COLLAPSE
        assert share in (0.5, 0.25)  # half, a quarter
    assert f"diversity below {scores.COLLAPSED_DIVERSITY}" in scores.COLLAPSE


def test_shares_are_a_group_in_mlflow():
    assert scores.in_mlflow("fid_judge") == "fid_judge"
    assert scores.in_mlflow("class_share_3") == "share/class_3"
