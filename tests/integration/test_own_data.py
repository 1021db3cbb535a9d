"""The user's own data, from their files to the report: the real stages, at tiny size."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from benchmarks import pipeline
from stages.gan.core.datasets import Dataset
from tests import calls

RUN = f"seed-{calls.SEED}"
RANDOM = np.random.default_rng(0)


def points(folder: Path, name: str, columns: int) -> str:
    """A file with points whose columns are far from 0 and from one another."""
    table = RANDOM.normal(size=(120, columns)) * 10.0 ** np.arange(columns) + 1000
    if name.endswith(".csv"):
        header = ",".join(f"height {index} (m)" for index in range(columns))
        np.savetxt(folder / name, table, delimiter=",", header=header, comments="")
    else:
        np.save(folder / name, table)
    return name


def images(folder: Path, name: str, classes: tuple[str, ...], mode: str) -> str:
    """A folder with images, in folders of their classes if there are any."""
    for label, inner in enumerate(classes or ("",)):
        place = folder / name / inner
        place.mkdir(parents=True)
        for number in range(60 // len(classes or ("",))):
            pixels = RANDOM.integers(40 + 100 * label, 60 + 100 * label, (12, 10, 3), dtype=np.uint8)
            pixels[number % 12] = 250
            Image.fromarray(pixels).convert(mode).save(place / f"{number}.png")
    return name


MLP = {"network": "mlp", "hidden": [16]}
BLOCK = {
    "judge": {**MLP, "epochs": 1, "batch_size": 16, "lr": 0.01, "seed": 1},
    "generator": {**MLP, "latent": 4},
    "discriminator": {**MLP, "dropout": 0.3},
    "train": {"loss": "bce", "lr": 0.001, **calls.SIZES},
    "sample": {"count": 50},
}
CNN = {"judge": {**BLOCK["judge"], "network": "cnn", "channels": [4], "features": 8}}
del CNN["judge"]["hidden"]
SMALL = {"size": 8, "channels": 1}


@pytest.fixture
def block(tmp_path):
    """Writes params.yaml with one experiment, own, with these data; returns the folder."""

    def write(data: dict, **changes) -> Path:
        settings = {
            "experiments": ["own"],
            "seeds": [calls.SEED],
            "device": "cpu",
            "threads": 2,
            "portable": False,
        }
        content = {**settings, "own": {"data": data, **BLOCK, **changes}}
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return tmp_path

    return write


def run_all(folder: Path) -> tuple[dict[str, float], str]:
    """All stages; the scores and the report."""
    assert calls.call(folder, "check", "--params", "params.yaml").code == 0
    for stage in ("prepare", "judge", "reference", *calls.OF_A_RUN):
        ended = calls.call(folder, stage, experiment="own")
        assert ended.code == 0, ended
    for stage, *arguments in (("plot", "--experiment", "own"), ("report",)):
        ended = calls.call(folder, stage, *arguments)
        assert ended.code == 0, ended
    scores = json.loads((folder / f"reports/runs/own/{RUN}/metrics.json").read_text())
    return scores, (folder / "reports/README.md").read_text()


def test_of_a_table_of_ratings_what_cannot_be_told_is_left_out_and_said(block, tmp_path):
    np.save(tmp_path / "ratings.npy", RANDOM.integers(1, 4, (400, 2)))
    folder = block({"source": "array", "path": "ratings.npy"}, evaluate={"primary": "density"})
    scores, report = run_all(folder)
    ties = ["precision", "recall", "density", "coverage"]
    copies = ["nn_accuracy", "near_copies", "exact_copies"]
    untold = [*ties, *copies, "x1_coverage", "judge_error"]
    assert not [name for name in scores if name.startswith(tuple(untold))]
    about = json.loads((folder / f"reports/runs/own/{RUN}/run.json").read_text())
    assert list(about["left_out"]) == untold
    said = calls.call(folder, "reference", experiment="own").err
    assert f"reference own: left out {', '.join(ties)}: distances tie, " in said
    assert f"left out {', '.join(copies)}: 100% of the test samples are training samples, too" in said
    assert "left out x1_coverage: x1 has 3 values, fewer than the 50 bins" in said
    ended = calls.call(folder, "evaluate", experiment="own")
    assert "no primary score, because density is left out: distances tie, " in ended.err
    if "collapsed" not in scores:
        assert "no verdict on a collapse, because there is no x1_coverage or recall or coverage" in ended.err
    assert "There is no precision, recall, density and no coverage: distances tie, " in report


def test_pictures_that_are_there_four_times_and_a_judge_that_knows_nothing(block, tmp_path):
    folder = images(tmp_path, "flat", (), "L")
    for path in list((tmp_path / folder).iterdir()):
        for number in (1, 2, 3):
            shutil.copy(path, path.with_stem(f"{path.stem}-{number}"))
    judge = {**CNN["judge"], "lr": 1e-9, "count": 1}
    folder = block({"source": "images", "path": folder, **SMALL}, judge=judge)
    scores, report = run_all(folder)
    assert not {"near_copies", "exact_copies", "nn_accuracy", "near_copies_real", "collapsed"} & set(scores)
    assert {"fid_judge", "recall", "diversity"} <= set(scores)
    weak = "the judge is no better than the mean: it explains -"
    ended = calls.call(folder, "judge", experiment="own")
    assert ended.err.startswith(f"warning: judge own: {weak}")
    ended = calls.call(folder, "evaluate", experiment="own")
    assert f"warning: evaluate own, {RUN.replace('-', ' ')}: no verdict, because {weak}" in ended.err
    assert f"{RUN.replace('-', ' ')}: no verdict; scores in" in ended.out
    assert "collapse" not in ended.out
    assert "**No verdict** by the judge's scores, neither on collapses nor on what is better: " in report
    assert "so copies mean nothing." in report


@pytest.mark.parametrize(("name", "columns"), [("a.npy", 1), ("b.csv", 2), ("c.csv", 3)])
def test_points_of_any_dimension_and_scale(name, columns, block, tmp_path):
    folder = block({"source": "array", "path": points(tmp_path, name, columns)})
    scores, report = run_all(folder)
    assert {"frechet_distance", "precision", "x1_coverage", "diversity", "recall_real"} <= set(scores)
    about = json.loads((folder / f"reports/runs/own/{RUN}/run.json").read_text())
    assert ("judge_error" in {*scores, *about.get("left_out", {})}) == (columns > 1)
    assert "curve_distance" not in scores
    assert "there is no distance to the curve and no on the curve" in report
    dataset = Dataset.load(folder / "data/own/dataset.safetensors")
    assert (len(dataset.train), len(dataset.test)) == (96, 24)
    assert dataset.train.normalized.std(0).numpy() == pytest.approx(1, abs=1e-3)
    samples = np.load(folder / f"data/own/{RUN}/samples.npy")
    assert samples.shape == (50, columns)
    assert samples.mean(0) == pytest.approx(dataset.train.samples.mean(0).numpy(), rel=0.5)  # in their units
    if name.endswith(".csv"):
        assert dataset.train.column(1) == "height 1 (m)"


def test_images_in_folders_are_judged_by_their_classes(block, tmp_path):
    folder = block(
        {"source": "images", "path": images(tmp_path, "pets", ("cats", "dogs"), "RGB"), "size": 8},
        **CNN,
    )
    scores, report = run_all(folder)
    assert {"fid_judge", "class_share_0", "class_share_1", "classes_covered"} <= set(scores)
    assert "class_share_2" not in scores
    assert "no labels" not in report
    dataset = Dataset.load(folder / "data/own/dataset.safetensors")
    assert dataset.train.classes == ("cats", "dogs")
    assert dataset.shape == (3, 8, 8)
    assert dataset.test.labels.bincount().tolist() == [6, 6]
    assert dataset.train.labels[:16].unique().tolist() == [0, 1]  # both are among those that pictures show
    assert np.load(folder / f"data/own/{RUN}/samples.npy").shape == (50, 3, 8, 8)


def test_images_without_labels_lack_only_what_needs_them(block, tmp_path):
    folder = block({"source": "images", "path": images(tmp_path, "flat", (), "L"), **SMALL}, **CNN)
    scores, report = run_all(folder)
    assert {"fid_judge", "kid_judge", "precision", "coverage", "diversity", "near_copies"} <= set(scores)
    assert not {"classes_covered", "class_share_0", "confidence", "classifier_score"} & set(scores)
    assert (
        "The images have no labels, so the judges are autoencoders and not classifiers: there is no "
        "judge's confidence, classifier score, classification accuracy, class entropy and no classes covered."
    ) in report
    judged = json.loads((folder / "reports/runs/own/judge.json").read_text())
    assert {name for name in judged if not name.endswith("_spread")} == {"rmse", "variance_explained"}
    # With labels from now on, the judge is another: the old one is refused.
    inner = folder / "flat" / "sorted"
    for name in ("a", "b"):
        (inner / name).mkdir(parents=True)
    for number, path in enumerate(sorted((folder / "flat").glob("*.png"))):
        path.rename(inner / "ab"[number % 2] / path.name)
    calls.change(folder, own__data__path="flat/sorted")
    assert calls.call(folder, "prepare", experiment="own").code == 0
    ended = calls.call(folder, "evaluate", experiment="own")
    calls.assert_refused(ended, "judge.safetensors", "run the judge stage")


def test_one_row_more_or_less_changes_nothing_else(block, tmp_path):
    """The held-out fifth is the same each time, and another with another seed."""
    data = {"source": "array", "path": points(tmp_path, "a.npy", 2)}
    sums = []
    for changed in ({}, {}, {"seed": 5}):
        folder = block({**data, **changed})
        assert calls.call(folder, "prepare", experiment="own").code == 0
        sums.append((folder / "data/own/dataset.safetensors").read_bytes())
    assert sums[0] == sums[1] != sums[2]


def test_a_copy_of_dvcs_that_lacks_the_file_says_how_it_gets_it(block, tmp_path, monkeypatch):
    folder = shutil.copytree(block({"source": "array", "path": "none.npy"}), tmp_path / ".dvc/tmp/exps/tmp1")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    ended = calls.call(folder, "check", "--params", "params.yaml")
    calls.assert_refused(ended, "own.data.path: none.npy is not in the copy", "add --copy-paths none.npy")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"source": "array"}, "own.data.path: is missing"),
        (
            {"source": "array", "path": "none.npy"},
            "own.data.path: none.npy: not readable points",
        ),
        ({"source": "array", "path": "text.csv"}, "own.data.path: text.csv: line 2 has 1 numbers, not 2"),
        (
            {"source": "array", "path": "a.npy", "points": 3},
            "own.data.points: no such parameter; there are source, path, seed",
        ),
        ({"source": "images", "path": "none", **SMALL}, "own.data.path: none: there is no such folder"),
        ({"source": "images", "path": ".", **SMALL}, "own.data.path: . holds this project"),
        ({"source": "images", "path": "flat"}, "own.data.size: is missing"),
        (
            {"source": "images", "path": "flat", **SMALL, "told": True},
            "own.train.condition: the images have no labels, and so no classes; set it to false",
        ),
        (
            {"source": "images", "path": "flat", "size": 3},
            "own.data.size: should be a whole number of pixels",
        ),
        ({"source": "images", "path": "flat", "size": [8, 8, 8]}, "or a list of two, the height and the"),
        ({"source": "images", "path": "flat", "size": [8, 2]}, "own.data.size: should"),
        ({"source": "images", "path": "flat", **SMALL, "channels": 2}, "own.data.channels"),
        (
            {"source": "images", "path": "empty", **SMALL},
            "own.data.path: empty: holds 0 images; at least 10",
        ),
        (
            {"source": "images", "path": "damaged", **SMALL},
            "damaged: 12 of 60 images cannot be read; replace or remove them: 0.png (it is empty), 1.png (it",
        ),
        (
            {"source": "images", "path": "splits", **SMALL},
            "own.data.path: splits: train, val hold the same folders (cat, dog) and look like splits of",
        ),
        (
            {"source": "images", "path": "flat", **SMALL, "white": 0},
            "own: data.white: must be above 0, got 0",
        ),
        ({"source": "array", "path": "constant.csv"}, "column b has the same value in all rows"),
        ({"source": "array", "path": "eleven.csv"}, "16 is more than the 8 training samples there are"),
        (
            {"source": "array", "path": "data/sources/own.csv"},
            "lies in data/sources, whose content",
        ),
        ({"source": "array", "path": "~nobody-here/a.csv"}, "own.data.path:"),
        ({"source": "kmnist", "limit": 8}, "16 is more than the 8 training samples there are"),
        ({"source": "emnist", "split": "greek"}, "own.data.split"),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_done(data, words, block, tmp_path):
    points(tmp_path, "a.npy", 2)
    images(tmp_path, "flat", (), "L")
    images(tmp_path, "damaged", (), "L")
    for number in range(12):
        (tmp_path / "damaged" / f"{number}.png").write_bytes(b"")
    for split in ("train", "val"):
        images(tmp_path / "splits", split, ("cat", "dog"), "L")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.csv").write_text("1,2\n3\n")
    (tmp_path / "constant.csv").write_text("a,b\n" + "".join(f"{row},7\n" for row in range(50)))
    (tmp_path / "eleven.csv").write_text("".join(f"{row}\n" for row in range(11)))
    (tmp_path / "data" / "sources").mkdir(parents=True)
    (tmp_path / "data" / "sources" / "own.csv").write_text("".join(f"{row}\n" for row in range(50)))
    told = {"train": {**BLOCK["train"], "condition": True}} if "told" in data else {}
    data = {key: value for key, value in data.items() if key != "told"}
    folder = block(data, **(CNN if data["source"] != "array" else {}), **told)
    before = calls.digest(folder)
    calls.assert_refused(calls.call(folder, "check", "--params", "params.yaml"), words)
    assert calls.digest(folder) == before


def test_links_are_made_anew_and_nothing_else_is_touched(block, tmp_path):
    block({"source": "array", "path": points(tmp_path, "a.npy", 2)})
    link = tmp_path / "data" / "sources" / "own"
    (tmp_path / "data" / "sources" / "folder").mkdir(parents=True)
    for name in ("a.npy", "b.npy"):
        points(tmp_path, name, 2)
        calls.change(tmp_path, own__data__path=name)
        assert calls.call(tmp_path, "check", "--params", "params.yaml").code == 0
        assert link.resolve() == tmp_path / name
    assert (tmp_path / "data" / "sources" / "folder").is_dir()


def test_a_generator_of_own_data_draws_by_hand_in_their_units(block, tmp_path):
    block({"source": "array", "path": points(tmp_path, "a.npy", 2)})
    for stage in ("prepare", "train", "sample"):
        assert calls.call(tmp_path, stage, experiment="own").code == 0
    for out in ("own.csv", "own.png"):
        arguments = ("--experiment", "own", "--seed", str(calls.SEED), "--out", out)
        ended = calls.call(tmp_path, "tools.draw", *arguments)
        assert ended.code == 0, ended
    drawn = np.loadtxt(tmp_path / "own.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(drawn[:50], np.load(tmp_path / f"data/own/{RUN}/samples.npy"))


def test_dvc_reruns_what_changed_data_ask_for_and_nothing_else(block, tmp_path, root):
    data = {"source": "array", "path": points(tmp_path, "a.npy", 2)}
    folder = block(data)
    content = yaml.safe_load((folder / "params.yaml").read_text())
    faces = images(tmp_path / "elsewhere", "faces", (), "L")
    content["faces"] = content["own"] | CNN
    content["faces"]["data"] = {"source": "images", "path": f"elsewhere/{faces}", **SMALL}
    content["experiments"].append("faces")
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    shutil.copy(root / "dvc.yaml", folder)
    shutil.copytree(root / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**pipeline.environment(), "DVC_NO_ANALYTICS": "1"}

    def dvc(*arguments: str) -> str:
        command = [sys.executable, "-m", "dvc", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ran(text: str) -> set[str]:
        return {line.split("'")[1] for line in text.splitlines() if line.startswith("Running stage")}

    dvc("init", "--no-scm", "--quiet")
    assert ran(dvc("repro", "prepare")) == {"check", "prepare@own", "prepare@faces"}
    assert ran(dvc("repro", "prepare")) == set()
    points(tmp_path, "a.npy", 2)
    assert ran(dvc("repro", "prepare")) == {"check", "prepare@own"}
    old = (folder / "data" / "faces" / "dataset.safetensors").read_bytes()
    whole = (tmp_path / "elsewhere" / "faces" / "1.png").read_bytes()
    (tmp_path / "elsewhere" / "faces" / "1.png").write_bytes(whole[:60])
    check = [sys.executable, "-m", "stages.check"]  # with which `make repro` begins
    done = subprocess.run(check, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "faces.data.path: elsewhere/faces/1.png: not a readable picture (it is a damaged PNG" in done.stderr
    )
    assert (folder / "data" / "faces" / "dataset.safetensors").read_bytes() == old
    (tmp_path / "elsewhere" / "faces" / "1.png").write_bytes(whole)
    assert ran(dvc("repro", "prepare")) == set()
    (tmp_path / "elsewhere" / "faces" / "0.png").unlink()
    assert ran(dvc("repro", "prepare")) == {"prepare@faces"}
    assert (tmp_path / "elsewhere" / "faces" / "1.png").exists()
    assert (tmp_path / "a.npy").exists()
