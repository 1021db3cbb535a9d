import json

import pytest

from stages.tracking import pages


@pytest.mark.parametrize(
    ("params", "others", "name"),
    [
        ({"a.lr": "1"}, {"a.lr": "1", "b.depth": "2"}, "seed-1"),
        ({"a.lr": "2", "seed": "1"}, {"a.lr": "1", "seed": "1"}, "seed-1, lr 2"),
        ({"a.lr": "2", "b.depth": "3"}, {"a.lr": "1"}, "seed-1, lr 2, depth 3"),
        ({"a.lr": "2", "seed": "1"}, {"a.lr": "1", "seed": "2"}, "seed-1, lr 2"),
        ({"a.size": "2", "b.size": "3"}, {"a.size": "1", "b.size": "1"}, "seed-1, a.size 2, b.size 3"),
    ],
)
def test_a_name_has_the_parameters_that_differ(params, others, name):
    assert pages.told_apart("seed-1", {}, params, others) == name


def test_a_long_name_is_that_of_dvcs_experiment_or_cut():
    params = {f"a.parameter_{number}": "1" for number in range(9)}
    assert pages.told_apart("seed-1", {"dvc.experiment": "two-seeds"}, params, {}) == "seed-1, two-seeds"
    cut = pages.told_apart("seed-1", {}, params, {})
    assert len(cut) == 60
    assert cut.startswith("seed-1, parameter_0 1, parameter_1 1, ")
    assert cut.endswith("…")


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ({}, ""),
        ({"mlflow.source.git.commit": "e52f5ea0123", "git.changed": "no"}, ", of commit `e52f5ea`"),
        (
            {"mlflow.source.git.commit": "e52f5ea0123", "git.changed": "params.yaml"},
            ", of commit `e52f5ea`, changed since (`changes.diff`)",
        ),
    ],
)
def test_a_description_says_whether_the_commit_is_all(tags, text):
    assert pages.origin(tags) == text


def columns(text: str) -> list[str]:
    return json.loads(text)["selectedColumns"]


def test_a_view_has_the_parameters_that_differ_as_columns():
    (text,) = pages.view(["loss"], 3, ["recall", "coverage"], ["recall"]).values()
    scores = ["metrics.`recall`"]
    assert columns(pages.with_columns(text, [])) == ["params.`seed`", *scores]
    found = columns(pages.with_columns(text, ["seed", "train.lr"]))
    assert found == ["params.`seed`", "params.`train.lr`", *scores]
    many = columns(pages.with_columns(text, [f"p{number}" for number in range(20)]))
    assert len(many) == 10


def test_the_view_of_a_judge_shows_all_runs_and_that_of_trainings_these_alone():
    assert pages.shown(pages.view(["loss"], 3)) == "tags.seed != ''"
    assert pages.shown(pages.judge_view(["loss/judge_1"])) == ""
    assert pages.shown({}) == ""
