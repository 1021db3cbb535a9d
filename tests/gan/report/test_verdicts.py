import pytest

from stages.gan.report import comparison, conditions, runs, verdicts


@pytest.fixture
def pair(write_run, tmp_path):
    """The pair of two conditions whose seeds have these scores."""

    def pair(first: list[dict], second: list[dict]) -> verdicts.Pair:
        for name, condition in (("old", first), ("new", second)):
            for seed, scores in enumerate(condition):
                write_run(name, seed, scores)
        (comparable,) = conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))
        new, old = comparable.conditions  # by name
        return verdicts.compare(old, new, comparable.scores)

    return pair


def of(name: str, *scores: float) -> list[dict]:
    return [{name: score} for score in scores]


LOW, HIGH = (1.0, 1.1, 0.9), (2.0, 2.1, 1.9)


@pytest.mark.parametrize(
    ("name", "first", "second", "answer"),
    [
        ("fid_judge", HIGH, LOW, "better"),
        ("fid_judge", LOW, HIGH, "worse"),
        ("coverage", LOW, HIGH, "better"),
        ("coverage", HIGH, LOW, "worse"),
        ("diversity", (0.5, 0.6, 0.4), (1.2, 1.1, 1.15), "better"),  # nearer to one, from above
        ("diversity", (1.0, 1.1, 0.9), (0.5, 0.4, 0.45), "worse"),
        ("diversity", (0.8, 0.7, 0.9), (1.2, 1.3, 1.1), "not distinguishable"),  # as far, on the other side
        ("fid_judge", (1.0, 2.0, 3.0), (1.1, 2.2, 3.1), "not distinguishable"),
        ("kid_judge", HIGH, (0.1, -0.1, 0.05), "better"),
        ("kid_judge", (0.1, -0.1, 0.05), (-2.0, -2.1, -1.9), "worse"),  # below zero is as far from it
    ],
)
def test_the_answer_depends_on_what_is_better(pair, name, first, second, answer):
    (verdict,) = pair(of(name, *first), of(name, *second)).verdicts
    assert verdict.answer == answer
    assert verdict.difference.distinguishable == (answer != "not distinguishable")


def test_a_sentence_says_it_all(pair):
    first = [{"fid_judge": 9 + k, "recall": 0.5, "coverage": 0.9 + k / 100, "density": k} for k in range(3)]
    second = [{"fid_judge": 2 + k, "recall": 0.5, "coverage": 0.1, "density": k + 0.1} for k in range(4)]
    found = pair(first, second)
    assert comparison.sentence(found) == (
        "**better** in Fréchet distance; **worse** in coverage; "
        "**not distinguishable with 4 and 3 seeds** in recall and density (60)."
    )


def test_the_same_number_of_seeds_is_said_once(pair):
    found = pair(of("recall", 0.4, 0.5), of("recall", 0.5, 0.4))
    assert comparison.sentence(found) == "**not distinguishable with 2 seeds each** in recall."
    assert found.verdicts[0].needed is None


def test_a_single_seed_is_not_compared(pair):
    assert pair(of("recall", 0.4, 0.5), of("recall", 0.5)).verdicts == ()


def test_only_common_scores_are_compared(pair):
    found = pair(of("recall", 0.4, 0.5), of("precision", 0.5, 0.6))
    assert found.verdicts == ()


def test_every_two_conditions_of_a_set_are_a_pair_unless_there_are_many(write_run, tmp_path):
    def pairs(conditions_of_two: int) -> list[tuple[str, str]]:
        for seed in (2 * conditions_of_two, 2 * conditions_of_two + 1):
            write_run("sine", seed, {"recall": 0.5}, lr=conditions_of_two)
        (comparable,) = conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))
        return [
            tuple(condition.name[-1] for condition in (p.first, p.second)) for p in verdicts.pairs(comparable)
        ]

    write_run("sine", 1, {"recall": 0.5}, lr=0)  # a single seed
    assert pairs(1) == []
    assert pairs(2) == [("1", "2")]
    assert pairs(3) == [("1", "2"), ("1", "3"), ("2", "3")]
    assert len(pairs(4)) == 6
    assert pairs(5) == [("1", "2"), ("1", "3"), ("1", "4"), ("1", "5")]
