import json
import re

import pytest

from stages.gan.report import comparison, conditions, markdown, runs, sentences

POINTS = {"curve_distance": 0.05, "judge_error": 0.05, "x1_coverage": 1.0, "energy_distance": 0.01,
          "diversity": 1.0}  # fmt: skip
SHARES = {"class_share_0": 0.0, "class_share_1": 1.0, "classes_covered": 1, "diversity": 0.0}
IMAGES = {"fid_judge": 900.0, "confidence": 1.0, "class_entropy": 0.0, "collapsed": 1, **SHARES}


@pytest.fixture
def report(tmp_path):
    folder = tmp_path / "reports"

    def report() -> str:
        comparable_sets = conditions.comparable_sets(runs.load(folder / "runs"))
        return comparison.markdown(comparable_sets, folder, folder / "figures")

    return report


def tables(text: str) -> list[list[str]]:
    return [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", text, re.M)]


def test_all_runs_stand_in_the_report_by_number(write_run, report):
    for seed in (111, 2, 30):
        write_run("sine", seed, POINTS, lr=0.1)
    text = report()
    assert re.findall(r"^  - seed (\d+), cpu: \[samples\]", text, re.M) == ["2", "30", "111"]
    assert "(runs/sine/seed-30/samples.png)" in text
    assert "Parameters that differ" not in text
    assert "How conditions are compared" not in text


def test_a_condition_is_shown_by_median_and_range_beside_its_baselines(write_run, report):
    baselines = {
        "curve_distance_real": 0.001,
        "curve_distance_noise": 0.8,
        "curve_distance_real_spread": 0.0004,
    }
    for seed, distance in ((1, 0.05), (2, 0.06), (3, 0.09)):
        write_run("sine", seed, POINTS | {"curve_distance": distance} | baselines)
    text = report()
    assert "| score | sine | real | noise |" in text
    assert "| distance to the curve ↓ | 0.060 (0.050 – 0.090) | 0.0010 ± 0.0004 | 0.8 |" in text
    assert "| diversity → 1 † | 1 (1 – 1) | 0.5 | 0.5 |" in text
    assert "| collapsed | 0 of 3 |  |  |" in text
    assert "Seeds: 3 of sine." in text


def test_what_is_shown_cannot_leave_a_scores_range(write_run, report):
    """Of these, mean and 95% interval were 6.4 ± 6.1 classes of 10, and an entropy of up to 1.26."""
    for seed, (covered, entropy) in enumerate(((10, 0.98), (10, 0.99), (1, 0.0), (10, 0.97), (1, 0.0))):
        write_run("mnist", seed, {"classes_covered": covered, "class_entropy": entropy})
    text = report()
    assert "| classes covered ↑ † | 10 (1 – 10) |" in text
    assert "| class entropy ↑ † | 0.970 (0.000 – 0.990) |" in text


def test_a_judge_that_knows_nothing_gives_no_verdict_and_it_is_said(write_run, report):
    why = "the judge is no better than the mean: it explains -40.7 of the variance"
    for seed in (1, 2):
        write_run("own", seed, {"fid_judge": 9.0, "recall": 0.5}, weakness=why)
    text = report()
    assert "| collapsed | – |  |  |" in text
    assert f"**No verdict** by the judge's scores, neither on collapses nor on what is better: {why}." in text
    scores = {"energy_distance": 9.0, "judge_error": 0.5, "collapsed": 1, "diversity": 0.0}
    write_run("ring", 1, scores, judge=0.5, weakness=why)
    text = report()
    assert "| collapsed | 1 of 1 |  |  |" in text
    assert f"**No verdict** by the distance to the judge's fit: {why}." in text


def test_what_the_data_do_not_allow_is_said_with_its_reason(write_run, report):
    why = {"near_copies": "all are copies", "density": "distances tie", "exact_copies": "all are copies"}
    write_run("own", 1, POINTS, left_out=why)
    text = report()
    assert "There is no near copies and no exact copies: all are copies." in text
    assert "There is no density: distances tie." in text
    assert "| collapsed | – |  |  |" in text


def test_with_one_seed_there_is_no_range_and_it_is_said(write_run, report):
    write_run("sine", 1, POINTS)
    text = report()
    assert "| distance to the curve ↓ † | 0.05 | 0.5 | 0.5 |" in text
    assert "One seed only: sine. So there is no range; another seed may score differently." in text


def test_devices_stand_beside_each_other(write_run, report):
    for seed, device in ((1, "cpu"), (2, "cpu"), (3, "cuda")):
        write_run("sine", seed, POINTS, device)
    text = report()
    assert "| score | sine on cpu | sine on cuda | real | noise |" in text
    assert "| computed by | cpu | cuda |  |  |" in text
    assert "Seeds: 2 of sine on cpu. One seed only: sine on cuda. So there is no range and no comp" in text
    assert (
        "sine on cuda (seed 3) is not comparable with sine on cpu (seeds 1 and 2): trained on cuda inst"
        in text
    )
    assert "\n### " not in text


def test_what_decided_the_last_bits_is_said(write_run, report):
    for seed in (1, 2, 3):
        folder = write_run("sine", seed, POINTS, threads=2, processor="a Xeon")
        about = json.loads((folder / "run.json").read_text())
        about |= {"processor": "any x86-64", "portable": True} if seed < 3 else {"processor": "an EPYC"}
        (folder / "run.json").write_text(json.dumps(about))
    text = report()
    assert "| computed by | cpu: any x86-64, portable; cpu: an EPYC, threads: 2 |  |  |" in text
    assert "accuracy 0.9876. It was trained on a Xeon." in text


def test_a_run_by_another_judge_stands_apart_and_the_report_says_why(write_run, report):
    for seed in (1, 2, 3, 4):
        write_run("digits", seed, {"fid_judge": 10.0 + seed}, processor="any x86-64")
    write_run("digits", 111, {"fid_judge": 10.0}, judge=0.97, processor="AMD EPYC")
    text = report()
    assert "Seeds: 4 of digits, judge 0.9876." in text
    said = (
        "digits, judge 0.97 (seed 111) is not comparable with digits, judge 0.9876 (seeds 1, 2, 3 and 4): "
        "scored by another judge (trained on AMD EPYC instead of any x86-64)."
    )
    assert text.count(said) == 2  # in both sections
    assert "5 of digits" not in text


def test_the_scores_of_several_judges_have_their_spread(write_run, report):
    for seed, spread in ((1, 0.2), (2, 0.3), (3, 0.7)):
        write_run("digits", seed, {"fid_judge": 10.0, "recall": 0.5, "fid_judge_spread": spread}, judges=3)
    text = report()
    assert "<summary>Spread over the 3 judges</summary>" in text
    assert (
        "| standard deviation over the judges | digits |\n| --- | --- |\n| Fréchet distance | 0.3 |\n\n"
        in text
    )
    assert "The 3 judges together on test data: accuracy 0.9876." in text


def test_a_collapse_to_a_part_of_the_real_samples_says_by_what(write_run, report):
    """Ten test images, one of each class, over and over: no score of classes notices."""
    scores = {"recall": 0.0, "recall_real": 0.92, "coverage": 0.16, "coverage_real": 0.97, "diversity": 1.2}
    shares = {f"class_share_{digit}": 0.1 for digit in range(10)} | {"classes_covered": 10}
    write_run("digits", 1, {"fid_judge": 9.0, "collapsed": 1, **scores, **shares})
    assert (
        "**Collapsed**: recall 0 (real data: 0.92), coverage 0.16 (real data: 0.97) and 10% of the samples "
        "of class 0."
    ) in report()


def test_what_had_that_name_before_is_no_spread_over_judges(write_run, report):
    write_run("digits", 1, {"kid_judge": 10.0, "kid_judge_spread": 3.0})
    assert "judges" not in report()


def test_distances_have_the_number_of_samples_that_they_are_of(write_run, report):
    scores = {"fid_judge": 10.0, "fid_judge_all": 8.0, "fid_inception": 9.0, "recall": 0.5}
    write_run("digits", 1, scores, samples=(10000, 360))
    text = report()
    for title in ("Fréchet distance, 360 samples ↓", "Fréchet distance, all 10000 samples ↓", "recall ↑",
                  "Fréchet distance, Inception, 10000 samples ↓"):  # fmt: skip
        assert f"| {title} † |" in text


def test_scores_that_noise_passes_are_marked(write_run, report):
    found = {"precision": (0.886, 0.899), "recall": (0.86, 0.0), "nn_accuracy": (0.45, 0.52),
             "cas": (0.9, 0.78), "fid_judge": (1.6, 855.0), "near_copies": (0.01, 0.0)}  # fmt: skip
    scores = {
        name + end: value
        for name, both in found.items()
        for end, value in zip(("_real", "_noise"), both, strict=True)
    }
    write_run("mnist", 1, dict.fromkeys(found, 0.5) | scores)
    text = report()
    assert (
        "† Noise scores at least as well as real data here, so this says little by itself: precision and "
        "1-NN accuracy." in text
    )
    assert re.findall(r"^\| (.*) † \|", text, re.M) == ["precision ↑", "1-NN accuracy → 0.5"]
    rows = text.splitlines()
    (last,) = [row for row in rows if row.startswith("| near copies |")]  # no arrow, and after the scores
    assert rows[rows.index(last) + 1].startswith("| collapsed |")


def test_two_conditions_are_compared_in_a_sentence_and_a_table(write_run, report):
    for seed in range(1, 6):
        write_run("mnist", seed, {"fid_judge": 50.0 + seed**4, "recall": 0.1 * seed}, lr=1)
        write_run("mnist_fast", seed, {"fid_judge": 9.0 + seed, "recall": 0.11 * seed}, lr=2)
    text = report()
    assert (
        "### mnist_fast beside mnist\n\n"
        "Fréchet distance (the primary score for images): all 5 runs of mnist_fast are **better** than all 5 "
        "of mnist (25 of 25 pairs, exact rank test p = 0.008; a new run is better with probability 0.64 to 1"
        "). Corrected for 2 scores: **better** in Fréchet distance; **no difference found** in recall.\n"
    ) in text
    assert "| score | pairs in which mnist_fast is better | p | corrected p | verdict |" in text
    assert "| Fréchet distance | 25 of 25 | 0.008 | 0.016 | better |" in text
    assert "| recall | 15 of 25 | 0.69 | 0.69 | no difference found |" in text
    assert "| `lr` | 1 | 2 |" in text
    assert "## How conditions are compared" in text
    assert "Westfall" in text
    assert "Welch" not in text


def test_a_collapse_is_said_plainly(write_run, report):
    write_run("mnist", 111, IMAGES, **{"data.source": "mnist"})
    write_run("sine", 1, POINTS | {"collapsed": 1, "x1_coverage": 0.2, "diversity": 0.3})
    write_run("sine", 2, POINTS)
    text = report()
    assert (
        "**Collapsed**: class entropy 0 (real data: 0.5), diversity 0 and 100% of the samples of class 1."
    ) in text
    assert "**Collapsed**: coverage of x1 0.2 (real data: 0.5)." in text
    assert "- **collapsed** (`collapsed`): 1 where classes_covered, class_entropy or x1_coverage is" in text
    assert "| collapsed | 1 of 2 |  |  |" in text


def test_the_judges_own_score_stands_beside_what_it_judges(write_run, report):
    write_run("mnist", 111, IMAGES)
    assert "The judge on test data: accuracy 0.9876." in report()


def test_runs_of_an_old_commit_name_it(write_run, report):
    folder = write_run("sine", 1, POINTS)
    assert "by commit" not in report()
    (folder.parent / "made-by-commit").write_text("e52f5ea\n")
    assert "The runs of sine were made by commit `e52f5ea`. The code has changed since then." in report()


def test_a_score_that_no_run_of_a_condition_has_is_left_open(write_run, report):
    write_run("sine", 1, POINTS, lr=1)
    write_run("sine", 2, {name: score for name, score in POINTS.items() if name != "judge_error"}, lr=2)
    assert "| distance to the judge's fit ↓ † | 0.05 | – | 0.5 | 0.5 |" in report()


def test_the_report_fits_a_page(write_run, report):
    """However many conditions: some columns a table, each with as many cells, and not every two compared."""
    for seed in range(1, 21):
        write_run("sine", seed, POINTS, lr=seed // 2)
    for seed in range(1, 6):
        write_run("mnist", seed, IMAGES, **{"data.source": "mnist"})
    text = report()
    for table in tables(text):
        assert table[0].count("|") <= 8
        assert len({row.count("|") for row in table}) == 1
    section = re.sub("<details>.*?</details>", "", text.split("## mnist")[1].split("## ")[0], flags=re.DOTALL)
    assert len(section.splitlines()) < 30
    assert text.count("![") == 4  # two figures a set, as there are no grids
    assert text.count("\n### ") == 8  # nine conditions of two seeds


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([54.2, 63.9, 76.1, 1086.8, 1248.1], "76 (54 – 1248)"),  # two collapsed
        ([9.08, 9.91, 10.13, 10.34, 10.71], "10.1 (9.1 – 10.7)"),
        ([0.9412, 0.9415, 0.9420, 0.9428, 0.9431], "0.9420 (0.9412 – 0.9431)"),
        ([0.8, 0.79, 0.76, 1.0, 0.0], "0.79 (0.00 – 1.00)"),
        ([10, 1, 1, 10, 10], "10 (1 – 10)"),
        ([1, 2], "1.5 (1.0 – 2.0)"),
        ([0.98] * 3, "0.98 (0.98 – 0.98)"),
        ([-0.0001, -0.2, 0.3], "0.00 (-0.20 – 0.30)"),
        ([0.00012, 0.00016, 0.00008], "0.00012 (0.00008 – 0.00016)"),
        ([1.2e-12, 3.4e-12], "2.3e-12 (1.2e-12 – 3.4e-12)"),
        ([9.8754], "9.875"),
        ([], "–"),
    ],
)
def test_a_score_has_the_digits_that_chance_leaves(values, shown):
    assert markdown.seeds(values) == shown


def test_a_baseline_has_the_digits_of_its_spread():
    assert markdown.spread(1.6496, 0.12) == "1.65 ± 0.12"
    assert markdown.spread(1.6496, None) == "1.65"
    assert markdown.spread(10, 0.0) == "10"


@pytest.mark.parametrize(
    ("p", "shown"), [(2 / 252, "0.008"), (0.095, "0.095"), (4 / 9, "0.44"), (1.0, "1"), (0.0001, "< 0.001")]
)
def test_a_p_is_shown_in_few_digits(p, shown):
    assert sentences.p_value(p) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("mnist_fast, train.lr 0.1", "mnist_fast, train.lr 0.1"),
        ("[16, 32] on cpu", "[16, 32] on cpu"),
        ("a|b $x$ *c* `d` ~e~ _f_ g\\", r"a\|b \$x\$ \*c\* \`d\` \~e\~ \_f\_ g\\"),
        ("<b>&[x](y)", r"&lt;b>&amp;[x]\(y)"),
    ],
)
def test_names_are_in_markdown_as_they_are(name, shown):
    assert markdown.plain(name) == shown


def test_paths_in_names_break_no_table(write_run, report):
    for seed, start in enumerate(("a|b/_x_.csv", "c/$d$.csv")):
        write_run("sine", seed, POINTS, start=start)
    text = report()
    assert r"| score | sine, start a\|b/\_x\_.csv | sine, start c/\$d\$.csv | real | noise |" in text
    assert r"| `start` | a\|b/\_x\_.csv | c/\$d\$.csv |" in text
    for table in tables(text):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1


def test_without_runs_the_report_says_so(report):
    assert "There are no runs yet" in report()
