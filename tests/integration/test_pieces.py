"""Losses, rates, penalties, augmentation and networks, each in a small training by the real stages."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stages.gan.core import numbering, weights
from stages.gan.networks.base import sampling
from stages.gan.networks.base.registry import get_generator
from stages.runtime.paths import RunFiles
from tests import calls

FILES = RunFiles("digits", calls.SEED)
CONV = {
    "generator": {"network": "conv", "latent": 16, "channels": [8, 4]},
    "discriminator": {"network": "conv", "channels": [8, 16], "spectral_norm": True},
}
RESIDUAL = {
    "generator": {"network": "residual", "latent": 16, "channels": [8, 4, 4], "attention": True},
    "discriminator": {"network": "residual", "channels": [4, 8, 8], "attention": True},
}
PIECES = {  # what is changed of the block ``train``, and of the others
    "bce, smoothed": ({"loss": "bce", "label_smoothing": 0.1}, {}),
    "hinge": ({"loss": "hinge"}, {}),
    "least squares": ({"loss": "least_squares"}, {}),
    "wasserstein, gp": ({"loss": "wasserstein", "gp": 10, "d_steps": 2}, {}),
    "relativistic, r1, r2": ({"loss": "relativistic", "r1": 0.1, "r2": 0.1}, {}),
    "rates": ({"lr_d": 0.002, "betas_d": [0.0, 0.9], "clip_norm": 1.0}, {}),
    "instance noise": ({"instance_noise": 0.1}, {}),
    "augmentation": ({"augment": ["flip", "color", "translation", "cutout"]}, {}),
    "average": ({"ema": 0.9}, {}),
    "the best": ({"score_every": 1, "keep": "best"}, {}),
    "residual, attention": ({"loss": "hinge", "batch_size": 512}, RESIDUAL),
}
TOLD = {  # those that are told the class
    "mlp": ({"loss": "relativistic", "augment": ["flip"], "ema": 0.9}, {}),
    "projection": ({"loss": "hinge", "r1": 0.1, "penalty_every": 4}, CONV),
}


def change(folder: Path, train: dict[str, object], others: dict[str, object]) -> None:
    """Change the experiment digits: keys of its training, and whole blocks."""
    values = {"batch_size": 64, **train}
    calls.change(folder, **{f"digits__train__{key}": value for key, value in values.items()})
    calls.change(folder, **{f"digits__{key}": value for key, value in others.items()})


def run(folder: Path, *stages: str) -> None:
    for stage in stages:
        ended = calls.call(folder, stage, experiment="digits")
        assert (ended.code, ended.err) == (0, ""), ended


def losses(folder: Path) -> list[dict[str, float]]:
    with (folder / FILES.losses).open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("piece", PIECES)
def test_a_training_with_it_leaves_finite_losses_and_all_its_files(piece, workplace):
    outputs = (FILES.generator, FILES.discriminator, FILES.previews, FILES.losses)
    before = {path: (workplace / path).read_bytes() for path in outputs}
    change(workplace, *PIECES[piece])
    run(workplace, "train", "sample")
    history = losses(workplace)
    assert [row["epoch"] for row in history] == [1, 2]
    assert all(math.isfinite(value) for row in history for value in row.values())
    assert all(0 <= row[name] <= 1 for row in history for name in ("d_real", "d_fake"))
    for path, content in before.items():
        assert (workplace / path).read_bytes() != content, path
    samples = np.load(workplace / FILES.samples)
    assert samples.shape == (200, 1, 8, 8)
    assert samples.std() > 0
    kept = [path.name for path in (workplace / FILES.checkpoints).iterdir()]
    assert all(name.startswith("finished-") for name in kept)


@pytest.mark.parametrize("piece", TOLD)
def test_one_that_is_told_the_class_goes_all_the_way(piece, workplace):
    train, others = TOLD[piece]
    change(workplace, {**train, "condition": True}, others)
    run(workplace, "reference", *calls.OF_A_RUN)
    run_files = [path for path in vars(FILES).values() if path.suffix]
    assert all((workplace / path).exists() for path in run_files)

    scores = json.loads((workplace / FILES.scores).read_text())
    for name in ("class_accuracy", "fid_judge_classes_all"):
        assert all(math.isfinite(scores[name + of]) for of in ("", "_real", "_noise")), name
    assert 0 <= scores["class_accuracy"] <= 1
    assert scores["class_accuracy_noise"] < 0.5 < scores["class_accuracy_real"]

    generator, about = weights.load(workplace / FILES.generator, get_generator, torch.device("cpu"))
    counts = about["architecture"]["counts"]
    assert (len(counts), sum(counts)) == (10, 1437)
    samples = np.load(workplace / FILES.samples)
    told = numbering.labels(counts, calls.SEED, (1, 8, 8), len(samples))
    sampler = sampling.Sampler(generator, calls.SEED)
    assert np.array_equal(samples, sampler.numbered(range(200), told.tolist()).numpy())
    # Of the points that all runs draw, the classes take turns.
    common = sampling.common_latents(generator, images=True)
    assert common[:, -10:].argmax(1).tolist() == [number % 10 for number in range(25)]
    assert np.array_equal(np.load(workplace / FILES.grid), sampling.draw(generator, common).numpy())
    with Image.open(workplace / FILES.samples_figure) as figure:
        assert np.asarray(figure.convert("L")).std() > 5

    assert calls.call(workplace, "report").code == 0
    page = (workplace / "reports" / "README.md").read_text()
    assert "| accuracy of classes ↑ |" in page
    assert "| Fréchet distance within classes" in page
    which = ("--experiment", "digits", "--seed", str(calls.SEED), "--class", "3")
    ended = calls.call(workplace, "tools.draw", *which, "--count", "5", "--out", "threes.npy")
    assert "5 samples of class 3" in ended.out
    drawn = np.load(workplace / "threes.npy")
    assert np.array_equal(drawn, sampling.Sampler(generator, calls.SEED, 3).numbered(range(5)).numpy())


def test_a_reference_of_other_generators_is_not_for_those_that_are_told_the_class(workplace):
    change(workplace, {"condition": True}, {})
    run(workplace, "train", "sample")
    calls.assert_refused(calls.call(workplace, "evaluate", experiment="digits"), "run the reference stage")


def test_classes_are_refused_where_there_are_none(workplace):
    calls.change(workplace, sine__train__condition=True)
    ended = calls.call(workplace, "train", experiment="sine")
    calls.assert_refused(ended, "sine: train.condition: data of source sine have no classes; set it to false")


def more_epochs(folder: Path, epochs: int, **train: object) -> tuple[str, dict[Path, bytes]]:
    """Train for so many epochs; what was said, and the files."""
    change(folder, {"epochs": epochs, **train}, {})
    ended = calls.call(folder, "train", experiment="digits")
    assert (ended.code, ended.err) == (0, "")
    outputs = (FILES.generator, FILES.discriminator, FILES.previews, FILES.losses)
    return ended.out, {path: (folder / path).read_bytes() for path in outputs}


@pytest.mark.parametrize("told", [False, True])
def test_more_epochs_go_on_from_the_end_of_those_there_were_to_the_same_bytes(told, workplace):
    same = {"condition": told, "ema": 0.9, "augment": ["translation"]}
    said, first = more_epochs(workplace, 2, **same)
    assert "goes on" not in said
    said, longer = more_epochs(workplace, 4, **same)
    assert f"train digits, seed {calls.SEED}: goes on from the end of its first 2 epochs\n" in said
    assert len(losses(workplace)) == 4
    assert longer[FILES.losses].startswith(first[FILES.losses])
    kept = [path.name for path in (workplace / FILES.checkpoints).iterdir()]
    assert sum(name.startswith("finished-") for name in kept) == len(kept)

    shutil.rmtree(workplace / FILES.checkpoints)
    said, whole = more_epochs(workplace, 4, **same)
    assert "goes on" not in said
    assert longer == whole
    # As many, or fewer, begin anew, and end the same.
    said, fewer = more_epochs(workplace, 2, **same)
    assert "goes on" not in said
    assert fewer == first


@pytest.mark.parametrize(
    ("train", "why"),
    [
        ({"lr_decay": "cosine"}, "lr_decay: cosine falls over all epochs"),
        ({"instance_noise": 0.1}, "instance_noise fades over all epochs"),
    ],
)
def test_what_falls_over_all_epochs_begins_anew_and_says_why(train, why, workplace):
    more_epochs(workplace, 2, **train)
    said, longer = more_epochs(workplace, 4, **train)
    words = "starts again from the beginning; it cannot continue after its first 2 epochs"
    assert f"train digits, seed {calls.SEED}: {words}, as {why}\n" in said
    shutil.rmtree(workplace / FILES.checkpoints)
    said, whole = more_epochs(workplace, 4, **train)
    assert "from the beginning" not in said
    assert longer == whole
