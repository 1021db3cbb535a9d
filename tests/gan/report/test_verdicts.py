import pytest

from stages.gan.report import conditions, runs, sentences, verdicts

LOW, HIGH = (1.0, 1.1, 0.9, 0.8, 1.2), (2.0, 2.1, 1.9, 2.2, 1.8)


@pytest.fixture
def pair(write_run, tmp_path):
    """The pair of two conditions whose seeds have these scores."""

    def pair(first: list[dict], second: list[dict], **parameters: tuple) -> verdicts.Pair:
        for index, (name, condition) in enumerate((("old", first), ("new", second))):
            for seed, scores in enumerate(condition):
                own = {key.replace("__", "."): values[index] for key, values in parameters.items()}
                write_run(name, seed, scores, **own)
        (comparable,) = conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))
        new, old = comparable.conditions  # by name
        return verdicts.compare(old, new, comparable.graded)

    return pair


def of(name: str, *scores: float) -> list[dict]:
    return [{name: score} for score in scores]


@pytest.mark.parametrize(
    ("name", "first", "second", "answer"),
    [
        ("fid_judge", HIGH, LOW, "better"),
        ("fid_judge", LOW, HIGH, "worse"),
        ("coverage", LOW, HIGH, "better"),
        ("coverage", HIGH, LOW, "worse"),
        ("diversity", (0.5, 0.6, 0.4, 0.3, 0.2), (1.2, 1.1, 1.15, 1.3, 0.9), "better"),  # nearer to one
        ("diversity", LOW, (0.5, 0.4, 0.45, 0.3, 0.2), "worse"),
        (
            "diversity",
            (0.8, 0.7, 0.9, 0.6, 0.5),
            (1.2, 1.3, 1.1, 1.4, 1.5),
            "no difference found",
        ),  # as far from it
        ("nn_accuracy", (0.9, 0.91, 0.92, 0.93, 0.94), (0.3, 0.31, 0.55, 0.56, 0.6), "better"),
        ("nn_accuracy", (0.6, 0.61, 0.62, 0.59, 0.58), (0.01, 0.02, 0.03, 0.04, 0.05), "worse"),
        ("fid_judge", (1.0, 2.0, 3.0, 4.0, 5.0), (1.1, 2.2, 3.1, 3.9, 5.1), "no difference found"),
        ("kid_judge", HIGH, (0.1, -0.1, 0.05, -0.2, 0.3), "better"),
        ("kid_judge", (0.1, -0.1, 0.05, 0.2, 0.3), (-2.0, -2.1, -1.9, -2.2, -1.8), "worse"),  # as far below
        ("fid_judge", (54.2, 60.0, 76.1, 1086.8, 1248.1), (9.1, 9.9, 10.1, 10.3, 10.7), "better"),
        ("recall", (0.5,) * 5, (0.5,) * 5, "no difference found"),
        ("fid_judge", HIGH[:4], LOW[:4], "too few seeds"),
        ("fid_judge", HIGH[:1], LOW[:1], "too few seeds"),
    ],
)
def test_the_answer_depends_on_what_is_better_and_on_the_ranks(pair, name, first, second, answer):
    (verdict,) = pair(of(name, *first), of(name, *second)).verdicts
    assert verdict.answer == answer


def test_rounding_makes_no_two_scores_differ():
    (verdict,) = verdicts.together({"diversity": [0.9, 0.8]}, {"diversity": [1.1, 1.2]})
    assert (verdict.effect.wins, verdict.p) == (2, 1)


def test_all_five_against_all_five_is_a_verdict(pair):
    """Welch's t saw nothing in this: the one condition spreads a thousand times as far as the other."""
    found = pair(of("fid_judge", 54.2, 60, 76.1, 1086.8, 1248.1), of("fid_judge", 9.1, 9.9, 10.1, 10.3, 10.7))
    assert found.verdict.p == found.verdict.corrected == pytest.approx(2 / 252)
    assert sentences.sentence(found) == (
        "Fréchet distance (the primary score for images): all 5 runs of new are **better** than all 5 of old "
        "(25 of 25 pairs, exact rank test p = 0.008; a new run is better with probability 0.64 to 1). "
        "Corrected for 1 score: **better** in Fréchet distance."
    )


def test_a_sentence_says_it_all(pair):
    keys = ("energy_distance", "recall", "coverage", "density", "near_copies")
    first = [dict(zip(keys, (9 + k, 0.5, 0.9 + k / 100, k, 0.0), strict=True)) for k in range(5)]
    second = [dict(zip(keys, (2 + k, 0.5, 0.1, k + 0.1, 0.9), strict=True)) for k in range(6)]
    second[2] |= {"collapsed": 1, "diversity": 0.1}
    assert sentences.sentence(pair(first, second)) == (
        "energy distance (the primary score for points): all 6 runs of new are **better** than all 5 of old "
        "(30 of 30 pairs, exact rank test p = 0.004; a new run is better with probability 0.67 to 1). "
        "Corrected for 4 scores: **better** in energy distance; **worse** in coverage; **no difference "
        "found** in recall and density. Collapsed: 1 of 6 and 0 of 5 (p = 1)."
    )


def test_what_is_not_separated_is_said_in_pairs(pair):
    found = pair(of("fid_judge", 1, 2, 3, 7, 8), of("fid_judge", 4, 5, 6, 9, 10))
    assert sentences.sentence(found).startswith(
        "Fréchet distance (the primary score for images): new is worse than old in 19 of 25 pairs (exact "
        "rank test p = 0.22; a new run is worse with probability 0.39 to 0.93): **no difference "
        "found**. Corrected"
    )


def test_a_verdict_does_not_take_all_pairs(pair):
    found = pair(of("fid_judge", 5, 7, 8, 9, 10), of("fid_judge", 1, 2, 3, 4, 6))
    assert (
        ": new is **better** than old in 24 of 25 pairs (exact rank test p = 0.016; a"
        in sentences.sentence(found)
    )


@pytest.mark.parametrize(("seeds", "least"), [(2, "0.33"), (3, "0.1")])
def test_too_few_seeds_are_said_to_be_so(pair, seeds, least):
    found = pair(of("fid_judge", *HIGH[:seeds]), of("fid_judge", *LOW[:seeds]))
    assert sentences.sentence(found) == (
        f"Fréchet distance (the primary score for images): **too few seeds** ({seeds} each, "
        f"with which the lowest possible p is {least}; with 4 each it is 0.029). new is better than old in "
        f"{seeds**2} of {seeds**2} pairs."
    )
    assert found.verdict.answer == "too few seeds"


def test_three_seeds_are_too_few_whatever_the_others_are(pair):
    found = pair(of("fid_judge", *HIGH[:3]), of("fid_judge", *(low / 10 for low in range(7))))
    assert (
        "**too few seeds** (7 and 3, a verdict needs 4 of each, which is fixed in advance)."
        in sentences.sentence(found)
    )
    assert found.verdict.p < 0.05


def test_four_seeds_are_enough_for_the_primary_score_alone(pair):
    found = pair(of("fid_judge", *HIGH[:4]), of("fid_judge", *LOW[:4]))
    assert found.verdict.answer == "better"
    assert sentences.sentence(found).endswith(" All scores together: too few seeds (4 each).")
    assert sentences.details(found)[-1] == ("| Fréchet distance | 16 of 16 | 0.029 | – | too few seeds |")


def test_collapses_are_counted_apart(pair):
    first = [{"fid_judge": 50.0 + k, "collapsed": k > 2, "diversity": 0.5} for k in range(5)]
    assert sentences.sentence(pair(first, of("fid_judge", *LOW))).endswith(
        "Collapsed: 0 of 5 and 2 of 5 (p = 0.44)."
    )


def test_the_primary_score_may_be_named(pair):
    scores = (
        [{"fid_judge": value, "recall": value} for value in LOW],
        [{"fid_judge": v, "recall": v} for v in HIGH],
    )
    found = pair(*scores, evaluate__primary=("recall", "recall"))
    assert found.verdict.score == "recall"
    assert sentences.sentence(found).startswith(
        "recall (the primary score, by `evaluate.primary`): all 5 runs"
    )


def test_two_that_name_different_primary_scores_have_none(pair):
    scores = (
        [{"fid_judge": value, "recall": value} for value in LOW],
        [{"fid_judge": v, "recall": v} for v in HIGH],
    )
    found = pair(*scores, evaluate__primary=(None, "recall"))
    assert found.verdict is None
    assert sentences.sentence(found).startswith(
        "No score decides: old names Fréchet distance, new recall. Correc"
    )


def test_a_primary_score_that_the_runs_lack_is_said(pair):
    found = pair(of("recall", *LOW), of("recall", *HIGH), evaluate__primary=("fid_inception",) * 2)
    assert sentences.sentence(found).startswith(
        "No score decides: not all runs have the primary one (Fréchet distance, Inception). Correc"
    )


def test_only_common_scores_are_compared(pair):
    found = pair(of("recall", 0.4, 0.5), of("precision", 0.5, 0.6))
    assert found.verdicts == ()
    assert sentences.sentence(found) == "No score decides. There is no score that all runs of both have."


@pytest.fixture
def pairs(write_run, tmp_path):
    def pairs() -> list[verdicts.Pair]:
        (comparable,) = conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))
        return verdicts.pairs(comparable)

    return pairs


WEAK = "the judge is no better than the mean: it explains -40.7 of the variance"


def write_ten(write_run, *scores: str, **about) -> None:
    """Five runs each of two conditions, the second better by far in every score."""
    for name, values in (("old", HIGH), ("new", LOW)):
        for seed, value in enumerate(values):
            write_run(name, seed, dict.fromkeys(scores, value), **about)


def test_by_a_judge_that_knows_nothing_no_images_are_better(write_run, pairs):
    write_ten(write_run, "fid_judge", "kid_judge", "recall", weakness=WEAK)
    (found,) = pairs()
    assert (found.verdict, found.verdicts) == (None, ())
    assert sentences.sentence(found) == f"No score decides: {WEAK}."


def test_another_network_decides_whatever_the_judge_knows(write_run, pairs):
    parameters = {"evaluate.primary": "fid_inception"}
    write_ten(write_run, "fid_judge", "fid_inception", "recall", weakness=WEAK, **parameters)
    (found,) = pairs()
    assert found.verdict.score == "fid_inception"
    assert [verdict.score for verdict in found.verdicts] == ["fid_inception"]
    assert sentences.sentence(found).startswith("Fréchet distance, Inception (the primary score, by ")


def test_of_points_a_judge_that_knows_nothing_loses_its_own_score_alone(write_run, pairs):
    write_ten(write_run, "energy_distance", "judge_error", "recall", weakness=WEAK)
    (found,) = pairs()
    assert found.verdict.score == "energy_distance"
    assert [verdict.score for verdict in found.verdicts] == ["energy_distance", "recall"]


def test_a_primary_score_that_the_data_do_not_allow_is_said_with_its_reason(write_run, pairs):
    parameters = {"evaluate.primary": "density"}
    write_ten(write_run, "energy_distance", left_out={"density": "distances tie"}, **parameters)
    (found,) = pairs()
    assert sentences.sentence(found).startswith(
        "No score decides, because the primary one, density, is left out: distances tie. Corrected for 1 "
    )


def test_every_two_conditions_of_a_set_are_a_pair_unless_there_are_many(write_run, pairs):
    def names(conditions_of_two: int) -> list[tuple[str, ...]]:
        for seed in (2 * conditions_of_two, 2 * conditions_of_two + 1):
            write_run("sine", seed, {"recall": 0.5}, lr=conditions_of_two)
        return [tuple(condition.name[-1] for condition in (p.first, p.second)) for p in pairs()]

    write_run("sine", 1, {"recall": 0.5}, lr=0)  # a single seed
    assert names(1) == []
    assert names(2) == [("1", "2")]
    assert names(3) == [("1", "2"), ("1", "3"), ("2", "3")]
    assert len(names(4)) == 6
    assert names(5) == [("1", "2"), ("1", "3"), ("1", "4"), ("1", "5")]


def test_the_primary_p_is_corrected_for_the_number_of_pairs(write_run, pairs):
    for lr in range(3):
        for seed in range(5):
            write_run("sine", 10 * lr + seed, {"fid_judge": 100 * lr + seed}, lr=lr)
    for seed in (90, 91):  # too few to be tested, so the others pay nothing for them
        write_run("sine", seed, {"fid_judge": seed}, lr=9)
    found = pairs()
    assert [pair.verdict.answer for pair in found].count("too few seeds") == 3
    tested = [pair.verdict for pair in found if pair.verdict.answer == "worse"]
    assert [verdict.corrected for verdict in tested] == pytest.approx([3 * 2 / 252] * 3)
    assert "p = 0.008, corrected for 3 pairs p = 0.024; a new run" in sentences.sentence(found[0])
