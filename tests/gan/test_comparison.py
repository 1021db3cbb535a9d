import json
import re
from pathlib import Path

import pytest

from stages.gan import comparison
from stages.gan.errors import UserError

POINTS = {"curve_distance": 0.05, "judge_error": 0.05, "x1_coverage": 1.0, "energy_distance": 0.01,
          "diversity": 1.0, "collapsed": 0}  # fmt: skip
IMAGES = {"fid_judge": 900.0, "confidence": 1.0, "class_entropy": 0.0, "classes_covered": 1, "diversity": 0.0,
          "collapsed": 1, "class_share_0": 0.0, "class_share_1": 1.0}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(experiment: str, seed: int, scores: dict, **parameters) -> Path:
        folder = tmp_path / "runs" / experiment / f"seed-{seed}"
        folder.mkdir(parents=True)
        about = {"experiment": experiment, "seed": seed, "device": "cpu", "parameters": parameters}
        (folder / "run.json").write_text(json.dumps(about))
        (folder / "metrics.json").write_text(json.dumps(scores))
        (folder.parent / "judge.json").write_text(json.dumps({"accuracy": 0.9876}))
        return folder

    return write


def report(folder: Path) -> str:
    return comparison.markdown(comparison.load(folder / "runs"), folder)


def test_all_runs_stand_in_the_report_by_number(write, tmp_path):
    for seed in (111, 2, 30):
        write("sine", seed, POINTS, lr=0.1)
    text = report(tmp_path)
    assert re.findall(r"^### sine, seed (\d+)", text, re.M) == ["2", "30", "111"]
    assert "| 2 | cpu | no | 0.05 | 0.05 | 1 | 0.01 | 1 |" in text
    assert "runs/sine/seed-30/samples.png" in text
    assert "Parameters that differ" not in text


def test_a_collapse_is_said_plainly(write, tmp_path):
    write("mnist", 111, IMAGES)
    write("sine", 1, POINTS | {"collapsed": 1, "x1_coverage": 0.2, "diversity": 0.3})
    write("sine", 2, POINTS)
    write("digits", 1, IMAGES | {"collapsed": 0})
    text = report(tmp_path)
    assert (
        "Collapsed: 1 of 1. Seed 111 has **collapsed**: 100% of the samples are of class 1, "
        "1 of 2 classes are covered, and their variance is 0 of the real data's."
    ) in text
    assert "Collapsed: 1 of 2. Seed 1 has **collapsed**: the samples cover 20% of x1's range" in text
    assert "Collapsed: 0 of 1.\n" in text


def test_the_judges_own_score_stands_beside_what_it_judges(write, tmp_path):
    write("mnist", 111, IMAGES)
    assert "The judge, on test data: accuracy 0.9876." in report(tmp_path)


def test_a_score_that_an_older_run_lacks_is_left_open(write, tmp_path):
    write("sine", 1, POINTS)
    write("sine", 2, {name: score for name, score in POINTS.items() if name != "judge_error"})
    assert "| 2 | cpu | no | 0.05 | – | 1 | 0.01 | 1 |" in report(tmp_path)


def test_only_parameters_that_differ_are_shown(write, tmp_path):
    write("sine", 1, POINTS, lr=0.1, batch=32)
    write("sine", 2, POINTS, lr=0.1, batch=32)
    write("sine", 3, POINTS, lr=0.2, batch=32)
    text = report(tmp_path)
    assert "| parameter | sine, seed 1, 2 | sine, seed 3 |" in text
    assert "| `lr` | 0.1 | 0.2 |" in text
    assert "`batch`" not in text


def test_tables_have_as_many_cells_in_every_row(write, tmp_path):
    write("sine", 1, POINTS, lr=0.1)
    write("mnist", 1, IMAGES, lr=0.2, width=3)
    for table in re.findall(r"(?:^\|.*\n)+", report(tmp_path), re.M):
        assert len({row.count("|") for row in table.splitlines()}) == 1


def test_without_runs_the_report_says_so(tmp_path):
    assert "There are no runs yet" in report(tmp_path)


def test_a_damaged_run_is_named(write, tmp_path):
    folder = write("sine", 1, POINTS)
    for broken in ("{", "{}", "[]"):
        (folder / "metrics.json").write_text(broken)
        with pytest.raises(UserError, match="seed-1: not a readable run"):
            report(tmp_path)
