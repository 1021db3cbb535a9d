import json
import re

import pytest

from stages.gan.report import comparison, conditions, markdown, runs
from stages.gan.report.intervals import Mean

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


def test_a_condition_is_shown_by_mean_and_interval_beside_its_baselines(write_run, report):
    baselines = {"curve_distance_real": 0.001, "curve_distance_noise": 0.8}
    for seed, distance in ((1, 0.05), (2, 0.06), (3, 0.07)):
        write_run("sine", seed, POINTS | {"curve_distance": distance} | baselines)
    text = report()
    assert "| score | sine | real | noise |" in text
    assert "| distance to the curve ↓ | 0.060 ± 0.025 | 0.001 | 0.8 |" in text
    assert "| diversity → 1 | 1 ± 0 | 0.5 | 0.5 |" in text
    assert "| collapsed | 0 of 3 |  |  |" in text
    assert "Seeds: 3 of sine." in text


def test_with_one_seed_there_is_no_interval_and_it_is_said(write_run, report):
    write_run("sine", 1, POINTS)
    text = report()
    assert "| distance to the curve ↓ | 0.05 | 0.5 | 0.5 |" in text
    assert "One seed only: sine; so there is no interval, and another seed may score otherwise." in text


def test_devices_stand_beside_each_other(write_run, report):
    for seed, device in ((1, "cpu"), (2, "cpu"), (3, "cuda")):
        write_run("sine", seed, POINTS, device)
    text = report()
    assert "| score | sine on cpu | sine on cuda | real | noise |" in text
    assert "| computed by | cpu | cuda |  |  |" in text
    assert "Seeds: 2 of sine on cpu. One seed only: sine on cuda; so there is no interval and no comp" in text
    assert "beside" not in text.split("## How")[0].split("## sine")[1]


def test_what_decided_the_last_bits_is_said(write_run, report):
    for seed in (1, 2, 3):
        folder = write_run("sine", seed, POINTS, threads=2)
        about = json.loads((folder / "run.json").read_text())
        about |= {"processor": "any x86-64", "portable": True} if seed < 3 else {"processor": "an EPYC"}
        about["judge"]["processor"] = "a Xeon"
        (folder / "run.json").write_text(json.dumps(about))
    text = report()
    assert "| computed by | cpu: any x86-64, portable; cpu: an EPYC, threads: 2 |  |  |" in text
    assert "accuracy 0.9876. It was fitted on a Xeon." in text


def test_two_conditions_are_compared_in_a_sentence_and_a_table(write_run, report):
    for seed in (1, 2, 3):
        write_run("mnist", seed, {"fid_judge": 50.0 + seed, "recall": 0.1 * seed}, lr=1)
        write_run("mnist_fast", seed, {"fid_judge": 9.0 + seed, "recall": 0.11 * seed}, lr=2)
    text = report()
    assert (
        "mnist_fast is **better** in Fréchet distance; **not distinguishable with 3 seeds each** in recall ("
    ) in text
    assert "| Fréchet distance | -41 | -43.27 to -38.73 | better | 3 |" in text
    assert re.search(r"\| recall \| \+0.02 \| -0\.\d+ to 0\.\d+ \| not distinguishable \| \d{3} \|", text)
    assert "| `lr` | 1 | 2 |" in text
    assert "How conditions are compared" in text
    assert "Welch" in text


def test_a_collapse_is_said_plainly(write_run, report):
    write_run("mnist", 111, IMAGES, **{"data.source": "mnist"})
    write_run("sine", 1, POINTS | {"collapsed": 1, "x1_coverage": 0.2, "diversity": 0.3})
    write_run("sine", 2, POINTS)
    text = report()
    assert (
        "**Collapsed**: 100% of the samples are of class 1, 1 of 2 classes are covered, and the samples' "
        "variance is 0 of the real data's."
    ) in text
    assert "**Collapsed**: the samples cover 20% of x1's range, and the samples' variance is 0.3" in text
    assert "| collapsed | 1 of 2 |  |  |" in text


def test_collapsed_runs_are_counted_and_the_others_compared_alone(write_run, report):
    for seed in (1, 2, 3, 4):
        gone = seed > 2
        write_run(
            "mnist", seed, {"fid_judge": 1000.0 * seed if gone else 50.0 + seed, "collapsed": gone} | SHARES
        )
        write_run("mnist_fast", seed, {"fid_judge": 9.0 + seed})
    text = report()
    assert "mnist_fast is **not distinguishable with 4 seeds each** in Fréchet distance (" in text
    assert (
        "Collapsed: 0 of 4 of mnist_fast, 2 of 4 of mnist. Of those that are left, a choice made after "
        "seeing them, mnist_fast is better in Fréchet distance."
    ) in text


def test_where_nearly_all_collapsed_nothing_is_left_to_compare(write_run, report):
    for seed in (1, 2):
        write_run("mnist", seed, {"fid_judge": 1000.0 * seed, "collapsed": 1, **IMAGES})
        write_run("mnist_fast", seed, {"fid_judge": 9.0 + seed})
    assert "Of one condition, fewer than two are left without these, too few to compare." in report()


def test_the_judges_own_score_stands_beside_what_it_judges(write_run, report):
    write_run("mnist", 111, IMAGES)
    assert "The judge, on test data: accuracy 0.9876." in report()


def test_runs_of_an_old_commit_name_it(write_run, report):
    folder = write_run("sine", 1, POINTS)
    assert "by commit" not in report()
    (folder.parent / "made-by-commit").write_text("e52f5ea\n")
    assert "The runs of sine were made by commit `e52f5ea`; the code has changed since." in report()


def test_a_score_that_no_run_of_a_condition_has_is_left_open(write_run, report):
    write_run("sine", 1, POINTS, lr=1)
    write_run("sine", 2, {name: score for name, score in POINTS.items() if name != "judge_error"}, lr=2)
    assert "| distance to the judge's fit ↓ | 0.05 | – | 0.5 | 0.5 |" in report()


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
    ("mean", "half", "shown"),
    [
        (10.0732, 0.7712, "10.07 ± 0.77"),
        (503.2, 756.1, "503 ± 756"),
        (0.94201, 0.00087, "0.94201 ± 0.00087"),
        (0.00012345, 0.00004321, "0.000123 ± 4.3e-05"),
        (10.12345, 3e-06, "10.1235 ± 3e-06"),
        (10, 0.0, "10 ± 0"),
        (9.8754, None, "9.875"),
    ],
)
def test_a_mean_has_the_digits_that_its_interval_leaves(mean, half, shown):
    assert markdown.number(Mean(mean, half, 3)) == shown


def test_without_runs_the_report_says_so(report):
    assert "There are no runs yet" in report()
