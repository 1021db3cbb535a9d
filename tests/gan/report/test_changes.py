from dataclasses import replace

from stages.gan.report import changes
from stages.gan.report.changes import Changes, Picture, RunChange, markdown

NOTHING = Changes(base="aaaa", head="bbbb")


def run(
    seed: int, before: float | None, after: float | None, about_before: object = (), about_after: object = ()
) -> RunChange:
    sides = ({"fid_judge": score, "collapsed": 0} if score is not None else None for score in (before, after))
    return RunChange("digits", seed, *sides, dict(about_before), dict(about_after))


def rate(value: float) -> dict[str, float]:
    """What run.json says of a learning rate."""
    return {"parameters.train.lr": value}


def line(text: str, start: str) -> str:
    (found,) = [line for line in text.splitlines() if line.startswith(start)]
    return found


def test_a_branch_that_changes_nothing_says_so():
    text = markdown(NOTHING)
    assert text.startswith(changes.MARK + "\n")
    assert "No parameter, score or picture differs between the two commits." in text
    assert "|" not in text


def test_parameters_are_shown_before_and_after():
    text = markdown(
        replace(NOTHING, parameters={"sine.train.lr": (0.001, 0.002), "sine.train.ema": (None, 0.9)})
    )
    assert "| `sine.train.lr` | 0.001 | 0.002 |" in text
    assert "| `sine.train.ema` | – | 0.9 |" in text


def five(before: float, after: float) -> Changes:
    return replace(NOTHING, runs=[run(seed, before + seed / 10, after + seed / 10) for seed in range(1, 6)])


def test_medians_over_seeds_are_better_or_worse_by_the_rank_test():
    found = markdown(five(20, 10))
    assert line(found, "| Fréchet distance ↓") == (
        "| Fréchet distance ↓, primary | 20.30 (20.10 – 20.50) | 10.30 (10.10 – 10.50) | "
        "🟢 better (25 of 25 pairs, p = 0.008) |"
    )
    assert "Changed: seeds 1, 2, 3, 4 and 5." in found
    assert "| digits, seed 2 | Fréchet distance | 20.2 | 10.2 |" in found
    assert "by the rank test at the 5% level" in found.replace("\n", " ")
    assert "Welch" not in found
    assert "| 🔴 worse (0 of 25 pairs, p = 0.008) |" in line(markdown(five(10, 20)), "| Fréchet distance ↓")
    assert "| no difference found (15 of 25 pairs, p = 0.69) |" in line(
        markdown(five(10.05, 10)), "| Fréchet distance ↓"
    )


def test_the_other_scores_are_corrected_for_there_being_many():
    sides = [
        [{"fid_judge": 10.0 + k, "recall": 0.1 * k, "near_copies": 0.0} for k in range(5)],
        [{"fid_judge": 90.0 + k, "recall": 0.6 + 0.1 * k, "near_copies": 0.9} for k in range(5)],
    ]
    runs = [RunChange("digits", seed, *both) for seed, both in enumerate(zip(*sides, strict=True))]
    text = markdown(replace(NOTHING, runs=runs, primary={"digits": "near_copies"}))
    assert line(text, "| Fréchet distance ↓").endswith("| 🔴 worse |")
    assert line(text, "| recall ↑").endswith("| 🟢 better |")
    text = markdown(replace(NOTHING, runs=runs, primary={"digits": "recall"}))
    assert line(text, "| recall ↑, primary").endswith("| 🟢 better (25 of 25 pairs, p = 0.008) |")
    changed = {"digits.evaluate.primary": (None, "recall")}
    text = markdown(replace(NOTHING, runs=runs, primary={"digits": "recall"}, parameters=changed))
    assert ", primary" not in text  # it was not named beforehand


def test_few_seeds_prove_nothing():
    for seeds in (1, 3):
        text = markdown(replace(NOTHING, runs=[run(seed, 20.0 + seed, 10.0 + seed) for seed in range(seeds)]))
        found = line(text, "| Fréchet distance ↓")
        assert "| too few seeds (" in found
        assert "better" not in found


def test_runs_that_are_new_or_gone_are_named():
    text = markdown(replace(NOTHING, runs=[run(1, 5.0, 5.0), run(2, None, 6.0), run(3, 7.0, None)]))
    assert "New: seed 2; removed: seed 3; the same: seed 1." in text
    assert "| collapsed | 0 of 2 | 0 of 2 |  |" in text


def test_what_is_scored_otherwise_is_not_compared():
    judges = [{"judge.md5": name} for name in ("aaaaaaaa", "bbbbbbbb")]
    runs = [run(seed, 20 + seed, 10 + seed, *judges) for seed in range(5)]
    text = markdown(replace(NOTHING, runs=runs))
    assert "so the scores are not comparable" in text
    seeds = "seeds 0, 1, 2, 3 and 4"
    assert f"**judge bbbbbb ({seeds})** compared with judge aaaaaa ({seeds}):" in text
    assert "🟢" not in text


def test_medians_are_over_runs_of_the_same_parameters():
    kept = [run(seed, 20 + seed, 20 + seed, rate(0.1), rate(0.1)) for seed in (3, 4)]
    changed = [run(seed, 20 + seed, 10 + seed, rate(0.1), rate(0.2)) for seed in (1, 2)]
    text = markdown(replace(NOTHING, runs=[*changed, *kept]))
    assert "**train.lr 0.2 (seeds 1 and 2)** compared with train.lr 0.1 (seeds 1, 2, 3 and 4):" in text
    assert "**train.lr 0.1 (seeds 3 and 4)**: the same as before." in text
    assert line(text, "| Fréchet distance ↓").startswith(
        "| Fréchet distance ↓, primary | 22.5 (21.0 – 24.0) | 11.5 (11.0 – 12.0) |"
    )


def test_conditions_that_are_new_or_gone_stand_alone():
    runs = [run(1, None, 5.0, (), rate(0.1)), run(2, None, 6.0, (), rate(0.2))]
    text = markdown(replace(NOTHING, runs=runs))
    assert "**train.lr 0.1 (seed 1)**, new:" in text
    assert "**train.lr 0.2 (seed 2)**, new:" in text
    runs = [run(1, 5.0, 9.0, rate(0.1), rate(0.3)), run(2, 6.0, None, rate(0.2))]
    text = markdown(replace(NOTHING, runs=runs))
    assert "**train.lr 0.3 (seed 1)** compared with train.lr 0.1 (seed 1):" in text
    assert "**train.lr 0.2 (seed 2)**, no longer there:" in text


def test_what_is_not_committed_is_named():
    names = [f"reports/runs/sine/seed-1/{number}" for number in range(80)]
    text = markdown(replace(NOTHING, uncommitted=names))
    shown = ", ".join(f"`{name}`" for name in names[:3])
    assert (
        f"**Not included**: 80 files with parameters or results not committed yet: {shown} and 77 more."
        in text
    )


def test_a_judge_that_knows_nothing_gives_no_verdict():
    text = markdown(replace(five(20, 10), weakness={"digits": "it explains -40.7"}))
    assert (
        "**No verdict** by the judge's scores, neither on collapses nor on what is better: it explains -40.7."
        in text
    )
    assert line(text, "| Fréchet distance ↓").endswith("10.30 (10.10 – 10.50) |  |")


def test_runs_that_do_not_say_whether_they_collapsed_are_not_counted():
    text = markdown(replace(NOTHING, runs=[RunChange("digits", 1, {"fid_judge": 1.0}, {"fid_judge": 2.0})]))
    assert "| collapsed | – | – |  |" in text


def test_results_of_other_parameters_are_named():
    text = markdown(replace(NOTHING, stale=["sine, seed 111"]))
    assert "with other parameters** than params.yaml has: sine, seed 111. Run `dvc repro`" in text


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
    assert "Too long for a comment: 1 of its parts left out. The report has all." in text
    assert "| Fréchet distance ↓" in text
    parameters = {f"sine.train.p{index}": (0, "x" * 500) for index in range(200)}
    assert len(markdown(replace(NOTHING, parameters=parameters, runs=many))) < changes.LIMIT
