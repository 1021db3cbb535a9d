import shutil

import pytest
from mlflow import MlflowClient

from stages.gan.report import conditions, runs
from stages.runtime import paths
from stages.runtime.files import md5
from stages.tracking import condition_record, pages
from stages.tracking.store import Store
from stages.tracking.tags import CONDITION, GENERATOR

TRAININGS = {1: 10.0, 2: 12.0, 3: 20.0}


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """A store; making one takes seconds, so the tests share it, each with an experiment of its own."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


@pytest.fixture
def client(address) -> MlflowClient:
    return MlflowClient(address)


@pytest.fixture
def train(write_run, tmp_path, monkeypatch):
    """Leaves a run's files, and its run in MLflow."""
    monkeypatch.chdir(tmp_path)

    def train(store: Store, experiment: str, seed: int, lr: float = 0.1) -> str | None:
        write_run(experiment, seed, {"fid_judge": TRAININGS[seed], "class_share_0": 0.1}, lr=lr)
        generator = paths.RunFiles(experiment, seed).generator
        generator.parent.mkdir(parents=True)
        generator.write_text(f"{experiment} {seed} {lr}")
        with store.start(experiment, f"seed-{seed}", {GENERATOR: md5(generator)}, {}) as run:
            return run.run_id

    return train


def report(store: Store) -> None:
    comparable_sets = conditions.comparable_sets(runs.load(paths.RUNS))
    known = [condition for alike in comparable_sets for condition in alike.conditions]
    for condition in condition_record.recorded(known):
        condition_record.record(store, condition)


def parents(client: MlflowClient, experiment: str) -> list:
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return [run for run in found if CONDITION in run.data.tags]


def test_a_condition_has_one_parent_however_often_it_is_reported(client, address, train):
    with Store(address, paths.OUTBOX) as store:
        children = [train(store, "sine", seed) for seed in (1, 2)]
        report(store)
    (parent,) = parents(client, "sine")
    assert parent.info.run_name == "sine, 2 seeds (1, 2)"
    assert parent.info.status == "FINISHED"
    assert parent.data.params == {"lr": "0.1"}
    assert parent.data.tags["seeds"] == "1, 2"
    assert parent.data.tags["device"] == "cpu"
    assert parent.data.metrics["fid_judge"] == 11
    assert (parent.data.metrics["fid_judge_lowest"], parent.data.metrics["fid_judge_highest"]) == (10, 12)
    note = parent.data.tags[pages.NOTE]
    assert note.startswith("Medians over seeds 1 and 2 (lowest – highest). Each seed is a child run.\n")
    assert "\n| Fréchet distance ↓ | 11 (10 – 12) | 0.5 | 0.5 |" in note
    assert not [name for name in parent.data.metrics if name.endswith(("_real", "_noise"))]
    assert parent.data.metrics["share/class_0"] == 0.1
    assert parent.data.metrics["seeds"] == 2

    with Store(address, paths.OUTBOX) as store:
        children.append(train(store, "sine", 3))
        report(store)
    (again,) = parents(client, "sine")
    assert again.info.run_id == parent.info.run_id
    assert again.info.run_name == "sine, 3 seeds (1, 2, 3)"
    assert again.data.tags["seeds"] == "1, 2, 3"
    assert again.data.metrics["fid_judge"] == 12  # the median
    for child in children:
        assert client.get_run(child).data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_parent_names_the_seeds_whose_runs_the_store_has(client, address, train):
    with Store(address, paths.OUTBOX) as store:
        for seed in (1, 2, 3):
            train(store, "shared", seed)
        paths.RunFiles("shared", 2).generator.unlink()  # as of a run whose results came with git
        report(store)
    (parent,) = parents(client, "shared")
    assert parent.info.run_name == "shared, 3 seeds (here 1, 3)"
    assert parent.data.tags["seeds"] == "1, 2, 3"
    words = "those of seeds 1 and 3; of seed 2, only the scores are known here (`reports/runs/shared`)"
    assert words in parent.data.tags[pages.NOTE]


def test_parents_are_named_by_what_differs_from_the_first(client, address, train, tmp_path):
    for lr in (0.1, 0.2, 0.1):
        with Store(address, paths.OUTBOX) as store:
            for seed in (1, 2):
                train(store, "rates", seed, lr)
            report(store)
        shutil.rmtree(tmp_path / "reports")
        shutil.rmtree(tmp_path / "data")
    names = sorted(parent.info.run_name for parent in parents(client, "rates"))
    assert names == ["rates, 2 seeds (1, 2)", "rates, 2 seeds (1, 2), lr 0.2"]


def test_a_single_seed_has_no_parent(client, address, train):
    with Store(address, paths.OUTBOX) as store:
        train(store, "single", 1)
        report(store)
    assert parents(client, "single") == []


def test_runs_without_networks_at_hand_are_left_alone(write_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        write_run("sine", seed, {"fid_judge": 1.0})
    with Store(f"sqlite:///{tmp_path}/mlflow.db", paths.OUTBOX) as store:
        report(store)
        assert store._process is None
    assert not (tmp_path / "mlflow.db").exists()


def test_runs_that_the_store_does_not_know_get_no_parent(client, address, train, monkeypatch):
    with Store(address, paths.OUTBOX) as store:
        for seed in (1, 2):
            train(store, "unknown", seed)
            paths.RunFiles("unknown", seed).generator.write_text(f"another {seed}")
        report(store)
    assert parents(client, "unknown") == []


def test_a_store_that_fails_costs_one_line_and_nothing_else(train, capfd):
    with Store("http://127.0.0.1:9", paths.OUTBOX) as store:
        for seed in (1, 2):
            train(store, "sine", seed)
        report(store)
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("warning: MLflow at http://127.0.0.1:9 failed")
