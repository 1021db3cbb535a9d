import csv
import io
import json

import pytest

from stages.gan.report import conditions, runs, summary

IMAGES = {"fid_judge": 12.0, "precision": 0.5, "diversity": 0.9, "classes_covered": 8, "class_share_0": 0.1}


@pytest.fixture
def found(tmp_path):
    return lambda: runs.load(tmp_path / "reports" / "runs")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_an_experiment_is_shown_by_medians_of_its_main_scores(write_run, found):
    for seed, distance, collapsed in ((1, 10.0, 0), (2, 11.0, 0), (3, 13.0, 1)):
        write_run("digits", seed, IMAGES | {"fid_judge": distance, "collapsed": collapsed})
    write_run("sine", 1, {"energy_distance": 0.01, "x1_coverage": 1.0})
    assert summary.medians(found()) == {
        "digits": {
            "fid_judge": 11.0,
            "precision": 0.5,
            "collapsed": 1,
            "seeds": 3,
            "judge_accuracy": 0.9876,
        },
        "sine": {
            "energy_distance": 0.01,
            "x1_coverage": 1.0,
            "collapsed": 0,
            "seeds": 1,
            "judge_accuracy": 0.9876,
        },
    }
    assert summary.medians([]) == {}


def test_where_runs_do_not_say_whether_they_collapsed_nothing_is_counted(write_run, found):
    write_run("digits", 1, IMAGES, weakness="it knows nothing")
    (summed,) = summary.medians(found()).values()
    assert "collapsed" not in summed
    assert {row["collapsed"] for row in rows(summary.scores(conditions.comparable_sets(found())))} == {""}


def test_runs_that_do_not_belong_together_are_not_summed_up_together(write_run, found):
    for seed in (1, 2, 3):
        write_run("digits", seed, {"fid_judge": 10.0 + seed})
    write_run("digits", 4, {"fid_judge": 99.0}, judge=0.5)
    (summed,) = summary.medians(found()).values()
    assert (summed["fid_judge"], summed["seeds"], summed["judge_accuracy"]) == (12, 3, 0.9876)


def test_losses_are_listed_by_condition_seed_and_network(write_run, found):
    write_run("sine", 1, {"energy_distance": 0.01}, lr=0.1)
    write_run("sine", 2, {"energy_distance": 0.01}, lr=0.2)
    table = rows(summary.losses(conditions.comparable_sets(found())))
    assert len(table) == 8
    assert {row["runs"] for row in table} == {"sine, lr 0.1", "sine, lr 0.2"}
    assert [row["loss"] for row in table if row["network"] == "generator" and row["seed"] == "2"] == [
        "0.9",
        "1.0",
    ]


def test_losses_of_very_many_epochs_are_thinned(write_run, found, monkeypatch):
    monkeypatch.setattr(summary, "_POINTS", 20)
    for seed in range(1, 5):
        folder = write_run("sine", seed, {"energy_distance": 0.01})
        lines = [f"{epoch},0.6,0.9,0.6,0.4" for epoch in range(1, 11)]
        (folder / "losses.csv").write_text("\n".join(["epoch,loss_d,loss_g,d_real,d_fake", *lines]) + "\n")
    table = rows(summary.losses(conditions.comparable_sets(found())))
    chosen = [row["epoch"] for row in table if row["network"] == "generator" and row["seed"] == "3"]
    assert chosen == ["1", "3", "5", "7", "9", "10"]


def test_scores_are_listed_beside_their_baselines(write_run, found):
    write_run("digits", 1, IMAGES | {"fid_judge_real": 1.0, "fid_judge_noise": 300.0, "collapsed": 1})
    distance, share = rows(summary.scores(conditions.comparable_sets(found())))
    assert distance == {
        "runs": "digits",
        "seed": "1",
        "name": "Fréchet distance",
        "kind": "distance",
        "score": "12.0",
        "real": "1.0",
        "noise": "300.0",
        "better": "lower is better",
        "collapsed": "1",
    }
    assert (share["name"], share["kind"]) == ("precision", "share")


def test_the_templates_know_the_columns(write_run, found, root):
    """A chart of a column that is not there is empty, and nobody says so."""
    write_run("digits", 1, IMAGES)
    comparable_sets = conditions.comparable_sets(found())
    made = {
        "rev",
        "filename",
        "field",
        "panel",
        "at",
        "what",
        "baseline",
        "size",
    }  # by DVC, or by the template
    for names, table in ((("losses",), summary.losses), (("distances", "shares"), summary.scores)):
        columns = {*rows(table(comparable_sets))[0]} | made
        for name in names:
            template = json.loads((root / ".dvc" / "plots" / f"{name}.json").read_text())
            assert set(fields(template)) <= columns | {"<DVC_METRIC_X>", "<DVC_METRIC_Y>"}


def fields(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [part["field"]] if isinstance(part.get("field"), str) else []
        own += part.get("fields", [])
        return own + [name for value in part.values() for name in fields(value)]
    return [name for value in part for name in fields(value)] if isinstance(part, list) else []
