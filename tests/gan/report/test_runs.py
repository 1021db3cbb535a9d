import json
import math

import pytest

from stages.gan.report import runs
from stages.runtime.errors import UserError

SCORES = {"fid_judge": 10.0, "diversity": 0.9}
GOOD = {"collapsed": 0, "recall": 0.5, "recall_real": 0.9, "recall_noise": 0.0}


@pytest.fixture
def found(tmp_path):
    return lambda: runs.load(tmp_path / "reports" / "runs")


def test_runs_are_read_by_experiment_and_seed(write_run, found):
    for name, seed in (("sine", 10), ("sine", 9), ("digits", 1)):
        write_run(name, seed, SCORES, lr=0.1)
    assert [(run.experiment, run.seed) for run in found()] == [("digits", 1), ("sine", 9), ("sine", 10)]
    run = found()[0]
    assert (run.device, run.parameters, run.collapsed) == ("cpu", {"lr": 0.1}, False)
    assert run.scores["fid_judge"] == 10
    assert run.baselines("fid_judge") == (0.5, 0.5)
    assert run.losses["loss_g"] == [0.9, 1.0]
    assert run.commit is run.grid is None


def test_a_run_says_what_it_was_scored_with(write_run, found):
    spreads = {"fid_judge_spread": 0.3, "fid_judge_real_spread": 0.1}
    write_run("digits", 1, SCORES | spreads, judges=3, data="aaaa", samples=(10000, 360))
    write_run("digits", 2, SCORES | spreads)  # as older ones
    new, old = found()
    assert (new.data, new.samples, new.judge.count) == (runs.Data("aaaa"), runs.Samples(10000, 360), 3)
    assert (new.judges_spread("fid_judge"), new.real_spread("fid_judge")) == (0.3, 0.1)
    assert (new.judges_spread("diversity"), new.real_spread("diversity")) == (None, None)
    assert (old.data, old.samples, old.judge.count, old.judges_spread("fid_judge")) == (None, None, 1, None)


def test_a_run_may_say_why_it_does_not_say_whether_it_collapsed(write_run, found):
    write_run("digits", 1, SCORES, weakness="it knows nothing")
    write_run("digits", 2, SCORES, left_out={"recall": "distances tie"})
    weak, tied = found()
    assert (weak.collapsed, weak.judge.weakness, weak.left_out) == (None, "it knows nothing", {})
    assert (tied.collapsed, tied.judge.weakness, tied.left_out) == (None, None, {"recall": "distances tie"})


def test_runs_of_old_commits_have_their_baselines_under_old_names(write_run, found):
    folder = write_run("sine", 1, SCORES)
    old = {"collapsed": 0, "recall": 0.5, "recall_floor": 0.9, "recall_ceiling": 0.1}
    (folder / "metrics.json").write_text(json.dumps(old))
    (folder.parent / "made-by-commit").write_text("e52f5ea\n")
    (run,) = found()
    assert run.scores == {"collapsed": 0, "recall": 0.5, "recall_real": 0.9, "recall_noise": 0.1}
    assert run.baselines("recall") == (0.9, 0.1)
    assert run.commit == "e52f5ea"


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ("{", "metrics.json: Expecting property name"),
        ("[]", "scores: Input should be"),
        ("{}", "metrics.json lacks collapsed"),
        ('{"collapsed": 0}', "metrics.json has no scores"),
        (json.dumps(GOOD | {"recall": None}), "scores.recall: Input should be a valid number"),
        (json.dumps(GOOD | {"recall": math.nan}), "scores.recall: Input should be a finite number"),
        (json.dumps(GOOD | {"recall_real": math.inf}), "scores.recall_real: Input should be a finite"),
        (json.dumps({"collapsed": 0, "recall": 0.5}), "metrics.json lacks recall_real"),  # of old
        (json.dumps(GOOD | {"collapsed": 1}), "metrics.json lacks diversity"),
    ],
)
def test_a_damaged_run_is_named(write_run, found, scores, reason):
    folder = write_run("sine", 1, SCORES)
    (folder / "metrics.json").write_text(scores)
    with pytest.raises(UserError, match=rf"seed-1: not a readable run \({reason}") as caught:
        found()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("about", ["[]", "{}", '{"parameters": null}', "null"])
def test_a_run_that_is_not_described_is_named(write_run, found, about):
    folder = write_run("sine", 1, SCORES)
    (folder / "run.json").write_text(about)
    with pytest.raises(UserError, match="seed-1: not a readable run"):
        found()


def test_damaged_losses_are_named(write_run, found):
    folder = write_run("sine", 1, SCORES)
    for broken in ("", "epoch,loss_d\n1\n", "epoch\nx\n"):
        (folder / "losses.csv").write_text(broken)
        with pytest.raises(UserError, match=r"losses\.csv: not readable losses"):
            _ = found()[0].losses
