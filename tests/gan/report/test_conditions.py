import pytest

from stages.gan.report import conditions, runs

SCORES = {"fid_judge": 10.0, "diversity": 0.9}
DATA = {"data.source": "mnist", "judge.seed": 1}


@pytest.fixture
def comparable_sets(tmp_path):
    return lambda: conditions.comparable_sets(runs.load(tmp_path / "reports" / "runs"))


def test_runs_that_differ_by_seed_alone_are_a_condition(write_run, comparable_sets):
    for seed in (111, 2, 30):
        write_run("sine", seed, SCORES, lr=0.1)
    (comparable,) = comparable_sets()
    (condition,) = comparable.conditions
    assert condition.name == comparable.name == "sine"
    assert [run.seed for run in condition.runs] == [2, 30, 111]
    assert condition.parameters == {"lr": 0.1}


def test_other_parameters_are_another_condition_of_the_set_named_by_what_differs(write_run, comparable_sets):
    for seed, lr in ((1, 0.1), (2, 0.1), (3, 0.2)):
        write_run("sine", seed, SCORES, lr=lr, batch=32)
    (comparable,) = comparable_sets()
    assert [condition.name for condition in comparable.conditions] == ["sine, lr 0.1", "sine, lr 0.2"]
    assert [len(condition.runs) for condition in comparable.conditions] == [2, 1]
    assert comparable.name == "sine"
    assert comparable.parameters_that_differ() == {"lr": [0.1, 0.2]}


def test_conditions_that_differ_in_much_are_numbered(write_run, comparable_sets):
    for seed in (1, 2):
        write_run("sine", seed, SCORES, a=seed, b=seed, c=seed)
    assert [condition.name for condition in comparable_sets()[0].conditions] == ["sine (1)", "sine (2)"]


def test_other_devices_stand_beside(write_run, comparable_sets):
    for seed, device in ((1, "cpu"), (2, "cuda"), (3, "cpu")):
        write_run("sine", seed, SCORES, device, lr=0.1)
    (comparable,) = comparable_sets()
    assert [condition.name for condition in comparable.conditions] == ["sine on cpu", "sine on cuda"]
    assert [[run.seed for run in condition.runs] for condition in comparable.conditions] == [[1, 3], [2]]


def test_experiments_are_comparable_where_they_are_scored_alike(write_run, comparable_sets):
    write_run("mnist", 1, SCORES, **DATA, lr=0.1)
    write_run("mnist_fast", 1, SCORES, **DATA, lr=0.2)
    write_run("sine", 1, SCORES, **DATA | {"data.source": "sine"})
    assert [comparable.name for comparable in comparable_sets()] == ["mnist, mnist_fast", "sine"]


def test_another_judge_is_another_set(write_run, comparable_sets):
    write_run("mnist", 1, SCORES, **DATA)
    write_run("mnist_fast", 1, SCORES, judge=0.98, **DATA)
    assert [comparable.name for comparable in comparable_sets()] == ["mnist", "mnist_fast"]


def test_sets_of_one_experiment_have_different_names(write_run, comparable_sets):
    write_run("mnist", 1, SCORES, **DATA)
    write_run("mnist", 2, SCORES, **DATA, **{"data.limit": 100})
    assert [comparable.name for comparable in comparable_sets()] == [
        "mnist, data.limit unset [1]",
        "mnist, data.limit 100 [2]",
    ]


@pytest.mark.parametrize(
    ("first", "second", "name", "reason"),
    [
        (
            {"judge": 0.9876},
            {"judge": 0.98},
            "mnist, judge 0.98",
            "scored by another judge (0.98 instead of 0.9876)",
        ),
        (
            {"processor": "an EPYC", "data": "aaaaaaaa"},
            {"judge": 0.98, "data": "aaaaaaaa"},
            "mnist, judge 0.98",
            "scored by another judge (trained on an unknown processor instead of an EPYC)",
        ),
        ({}, {"data": "aaaaaaaa"}, "mnist, data aaaaaa", "made with other data (aaaaaa instead of unknown)"),
        (
            {"networks": {"fid_features": "aaaaaaaa"}},
            {"networks": {"fid_features": "bbbbbbbb"}},
            "mnist, networks fid_features bbbbbb",
            "scored by other networks (fid_features bbbbbb instead of fid_features aaaaaa)",
        ),
        (
            {"samples": (10000, 360)},
            {"samples": (500, 360)},
            "mnist, 500 samples in blocks of 360",
            "scored with another number of samples "
            "(500 samples in blocks of 360 instead of 10000 samples in blocks of 360)",
        ),
    ],
)
def test_runs_of_another_judge_of_other_data_or_samples_stand_apart(
    write_run, comparable_sets, first, second, name, reason
):
    for seed in (1, 2):
        write_run("mnist", seed, SCORES, **first, **DATA)
    write_run("mnist", 3, SCORES, **second, **DATA)
    sets = comparable_sets()
    assert [[run.seed for run in comparable.runs] for comparable in sets] == [[1, 2], [3]]
    assert sets[1].conditions[0].name == name
    assert sets[1].name == f"{name} [2]"
    (apart,) = conditions.apart(sets)
    assert [run.seed for run in apart.first.runs] == [1, 2]
    assert [run.seed for run in apart.second.runs] == [3]
    assert apart.reasons == (reason,)


def test_an_experiment_by_another_judge_stands_apart_from_its_like(write_run, comparable_sets):
    for name, judge in (("mnist", 0.99), ("mnist_fast", 0.98)):
        write_run(name, 1, SCORES, judge=judge, **DATA, lr=name)
    write_run("sine", 1, SCORES, judge=0.5, **DATA | {"data.source": "sine"})
    (apart,) = conditions.apart(comparable_sets())
    assert (apart.first.name, apart.second.name) == ("mnist", "mnist_fast")


def test_what_follows_from_a_parameter_is_not_in_the_name_too(write_run, comparable_sets):
    write_run("mnist", 1, SCORES, **DATA, data="aaaaaaaa")
    write_run("mnist", 2, SCORES, **DATA, **{"data.limit": 100}, data="bbbbbbbb", judge=0.5)
    names = [comparable.conditions[0].name for comparable in comparable_sets()]
    assert names == ["mnist, data.limit unset", "mnist, data.limit 100"]


def test_which_score_decides_makes_runs_no_less_comparable(write_run, comparable_sets):
    write_run("mnist", 1, SCORES, **DATA)
    write_run("mnist", 2, SCORES, **DATA, **{"evaluate.primary": "recall"})
    (comparable,) = comparable_sets()
    assert len(comparable.conditions) == 2


def test_scores_that_are_none_of_quality_come_last_and_are_not_compared(write_run, comparable_sets):
    write_run("mnist", 1, {"near_copies": 0.1, "exact_copies": 0.0, "distinct": 1.0, **SCORES})
    (comparable,) = comparable_sets()
    assert comparable.scores == ["fid_judge", "diversity", "near_copies", "exact_copies", "distinct"]
    assert comparable.graded == ["fid_judge", "diversity"]


def test_a_parameter_that_is_null_is_none(write_run, comparable_sets):
    write_run("mnist", 1, SCORES, **DATA)
    write_run("mnist", 2, SCORES, **DATA, **{"data.limit": None})
    assert [
        len(condition.runs) for comparable in comparable_sets() for condition in comparable.conditions
    ] == [2]


def test_a_conditions_key_knows_parameters_and_device_but_no_seeds(write_run, comparable_sets):
    write_run("sine", 1, SCORES, lr=0.1)
    write_run("sine", 2, SCORES, "cuda", lr=0.1)
    write_run("digits", 1, SCORES, lr=0.1)
    before = [condition.key for comparable in comparable_sets() for condition in comparable.conditions]
    write_run("sine", 3, SCORES, lr=0.1)
    after = [condition.key for comparable in comparable_sets() for condition in comparable.conditions]
    assert after == before
    assert len(set(before)) == 3


def test_a_heading_has_no_more_names_than_fit(write_run, comparable_sets):
    for index in range(5):
        write_run(f"many_{index}", 1, SCORES)
    assert comparable_sets()[0].name == "many_0 and 4 more"


def test_baselines_are_the_mean_over_the_runs(write_run, comparable_sets):
    write_run("sine", 1, SCORES | {"fid_judge_real": 1.0, "fid_judge_noise": 90.0})
    write_run("sine", 2, SCORES | {"fid_judge_real": 2.0, "fid_judge_noise": 94.0})
    (comparable,) = comparable_sets()
    assert comparable.baselines("fid_judge") == (1.5, 92)
    assert comparable.real_spread("fid_judge") is None
    assert comparable.scores == ["fid_judge", "diversity"]


def test_a_score_that_not_all_runs_have_is_none_of_the_conditions(write_run, comparable_sets):
    write_run("sine", 1, SCORES)
    write_run("sine", 2, SCORES | {"recall": 0.5})
    (condition,) = comparable_sets()[0].conditions
    assert condition.scores("recall") == []
    assert condition.scores("fid_judge") == [10, 10]
