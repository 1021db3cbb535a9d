from dataclasses import replace

from stages.gan.report import changes
from stages.gan.report.changes import Changes, Picture, RunChange, markdown

NOTHING = Changes(base="aaaa", head="bbbb")


def run(seed: int, before: float | None, after: float | None, experiment: str = "digits") -> RunChange:
    sides = ({"fid_judge": score, "collapsed": 0} if score is not None else None for score in (before, after))
    return RunChange(experiment, seed, *sides)


def line(text: str, start: str) -> str:
    (found,) = [line for line in text.splitlines() if line.startswith(start)]
    return found


def test_a_branch_that_changes_nothing_says_so():
    text = markdown(NOTHING)
    assert text.startswith(changes.MARK + "\n")
    assert "No parameter, score or picture differs." in text
    assert "|" not in text


def test_parameters_are_shown_before_and_after():
    text = markdown(
        replace(NOTHING, parameters={"sine.train.lr": (0.001, 0.002), "sine.train.ema": (None, 0.9)})
    )
    assert "| `sine.train.lr` | 0.001 | 0.002 |" in text
    assert "| `sine.train.ema` | – | 0.9 |" in text


def test_means_over_seeds_are_better_or_worse_where_they_are_distinguishable():
    found = markdown(replace(NOTHING, runs=[run(seed, 20 + seed / 10, 10 + seed / 10) for seed in (1, 2, 3)]))
    assert (
        line(found, "| Fréchet distance ↓")
        == "| Fréchet distance ↓ | 20.20 ± 0.25 | 10.20 ± 0.25 | 🟢 better |"
    )
    assert "Changed: seeds 1, 2, 3." in found
    assert "| digits, seed 2 | Fréchet distance | 20.2 | 10.2 |" in found
    worse = markdown(replace(NOTHING, runs=[run(seed, 10 + seed / 10, 20 + seed / 10) for seed in (1, 2, 3)]))
    assert line(worse, "| Fréchet distance ↓").endswith("| 🔴 worse |")
    unclear = markdown(replace(NOTHING, runs=[run(1, 10.0, 12.0), run(2, 20.0, 19.0)]))
    assert line(unclear, "| Fréchet distance ↓").endswith("| not distinguishable |")


def test_one_seed_proves_nothing():
    text = markdown(replace(NOTHING, runs=[run(1, 20.0, 10.0)]))
    assert line(text, "| Fréchet distance ↓").endswith("| better, but too few seeds to say |")


def test_runs_that_are_new_or_gone_are_named():
    text = markdown(replace(NOTHING, runs=[run(1, 5.0, 5.0), run(2, None, 6.0), run(3, 7.0, None)]))
    assert "New: seed 2; removed: seed 3; the same: seed 1." in text
    assert "| collapsed | 0 of 2 | 0 of 2 |  |" in text


def test_what_is_scored_otherwise_is_not_compared():
    some = [run(seed, 20 + seed / 10, 10 + seed / 10) for seed in (1, 2, 3)]
    text = markdown(replace(NOTHING, runs=some, otherwise=frozenset({"digits"})))
    assert "not to be compared" in text
    assert "🟢" not in text


def test_results_of_other_parameters_are_named():
    text = markdown(replace(NOTHING, stale=["sine, seed 111"]))
    assert "**Results of other parameters** than params.yaml has: sine, seed 111. Run `dvc repro`" in text


def test_pictures_stand_side_by_side():
    figure = Picture("digits", "https://host/a/1.png", "https://host/b/1.png")
    text = markdown(
        replace(NOTHING, figures=[figure], pictures=[Picture("sine, seed 1", None, "https://host/2")])
    )
    assert text.index('alt="digits, before" src="https://host/a/1.png"') < text.index("https://host/b/1.png")
    assert "<summary>Pictures of single runs (1)</summary>" in text
    assert "| none | <img" in text


def test_a_comment_is_never_too_long():
    many = [run(seed, 20 + seed / 10, 10.0) for seed in range(2000)]
    text = markdown(replace(NOTHING, runs=many, report="https://host/report"))
    assert len(text) < changes.LIMIT
    assert "Parts left out, as a comment cannot be longer: 1. The report has all." in text
    assert "| Fréchet distance ↓" in text
    parameters = {f"sine.train.p{index}": (0, "x" * 500) for index in range(200)}
    assert len(markdown(replace(NOTHING, parameters=parameters, runs=many))) < changes.LIMIT
