"""The study of docs/study.md, at tiny size."""

import json
import math

import pytest

from benchmarks import study
from benchmarks.study import Trained


def test_the_learning_rate_is_that_whose_worse_seed_is_the_best():
    scores = {(0.1, 1): (9, 0), (0.1, 2): (30, 0), (0.2, 1): (20, 0), (0.2, 2): (21, 0)}
    scores |= {(0.3, 1): (5, 0), (0.3, 2): (6, 1), (0.4, 1): (5, 0), (0.4, 2): (math.inf, 1)}

    def searched(loss: str) -> list[Trained]:
        return [
            Trained("search", "digits", loss, lr, seed, 1, fid, collapsed)
            for (lr, seed), (fid, collapsed) in scores.items()
        ]

    first = searched("bce")
    assert study.chosen(first) == {("digits", "bce"): 0.2}
    scores = {key: (fid, 1) for key, (fid, _) in scores.items()} | {(0.4, 1): (5, 0)}  # none is without
    assert study.chosen([*first, *searched("hinge")]) == {("digits", "bce"): 0.2, ("digits", "hinge"): 0.4}


def test_each_loss_gets_the_same_time():
    batch = {"batch_size": 32}
    assert study.epochs_within(15, 1600, batch, 0.002) == 150
    assert study.epochs_within(15, 1600, batch | {"d_steps": 5}, 0.002) == 150  # as many updates per epoch
    assert study.epochs_within(15, 1600, batch, 0.004) == 75
    assert study.epochs_within(0.01, 1600, batch, 0.002) == 1


def test_the_search_goes_on_beyond_its_ends_up_to_a_limit():
    rates = [0.001, 0.002, 0.004]
    assert study.beyond(rates, 0.001) == 0.0005
    assert study.beyond(rates, 0.002) is None
    assert study.beyond(rates, 0.004) == 0.008
    assert study.beyond([study.LOWEST, study.HIGHEST], study.LOWEST) is None
    assert study.beyond([study.LOWEST, study.HIGHEST], study.HIGHEST) is None


@pytest.mark.slow
def test_the_study_searches_compares_and_says_so(tmp_path, monkeypatch, root):
    tiny = study.Data("digits", "digits", {"train_limit": 320}, seconds=0.2)
    results, page = tmp_path / "results", tmp_path / "study.md"
    results.mkdir()
    page.write_text(f"# The study\n\n{study.START}\n{study.END}\nThe end.\n")
    for name, value in {
        "DATA": (tiny,),
        "LOSSES": {name: study.LOSSES[name] for name in ("bce", "wasserstein")},
        "RATES": (0.001, 0.002),
        "LOWEST": 0.001,
        "HIGHEST": 0.004,
        "SEEDS": (1, 2),
        "RECORD": results / "study.csv",
        "EPOCHS": results / "study.json",
        "PAGE": page,
        "IMAGES": results,
    }.items():
        monkeypatch.setattr(study, name, value)
    monkeypatch.chdir(root)
    folder = tmp_path / "study"
    monkeypatch.setattr("sys.argv", ["study", "--folder", str(folder)])
    study.main()
    trained = study.load(results / "study.csv")
    searched = [one for one in trained if one.part == "search"]
    tried = {
        key: {one.lr for one in searched if (one.data, one.loss) == key} for key in study.chosen(searched)
    }
    assert len(tried) == 2
    assert all(study.beyond([*tried[key]], best) is None for key, best in study.chosen(searched).items())
    assert {(one.loss, one.seed) for one in trained if one.part == "runs"} == {
        (loss, seed) for loss in ("bce", "wasserstein") for seed in (1, 2)
    }
    rates = study.chosen(searched)
    assert all(one.lr == rates[one.data, one.loss] and one.md5 for one in trained if one.part == "runs")
    epochs = json.loads((results / "study.json").read_text())["epochs"]
    assert set(epochs) == {"digits_bce", "digits_wasserstein"}
    assert min(epochs.values()) >= 1
    text = page.read_text()
    assert "too few seeds" in text
    assert text.endswith("The end.\n")
    assert {path.name for path in results.glob("*.png")} == {"study.png", "study-digits.png"}

    (folder / ".dvc/tmp/study.csv").unlink()
    assert study.search(folder, 2, known=searched) == searched
    assert not (folder / ".dvc/tmp/study.csv").exists()  # nothing was trained for that
    assert study.search(folder, 2) == searched
