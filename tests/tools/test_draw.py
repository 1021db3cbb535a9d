"""Samples by hand, from the generators of the small experiments."""

import shutil

import numpy as np
import pytest
from PIL import Image

from stages.gan.networks.base import sampling
from tests import calls

RUN = f"data/digits/seed-{calls.SEED}"
DIGITS = ("--experiment", "digits", "--seed", str(calls.SEED))
SINE = ("--experiment", "sine", "--seed", str(calls.SEED))


def draw(folder, *arguments: str) -> calls.Ended:
    ended = calls.call(folder, "tools.draw", *arguments)
    assert (ended.code, ended.err) == (0, "")
    return ended


@pytest.fixture
def alone(workplace, tmp_path):
    """A folder with nothing but a generator's file."""
    folder = tmp_path / "alone"
    folder.mkdir()
    shutil.copyfile(workplace / RUN / "generator.safetensors", folder / "g.safetensors")
    return folder


def test_samples_are_those_of_the_run_by_their_numbers(workplace, alone):
    rows = np.load(workplace / RUN / "samples.npy")
    ended = draw(workplace, *DIGITS, "--seeds", "190-199,3", "--out", "new/a.npy")
    assert ended.out == "draw digits, seed 7: 11 samples on cpu; see new/a.npy\n"
    wanted = rows[[*range(190, 200), 3]]
    assert np.array_equal(np.load(workplace / "new" / "a.npy"), wanted)
    draw(alone, "--generator", "g.safetensors", "--seeds", "190-199,3", "--out", "a.npy")
    assert np.array_equal(np.load(alone / "a.npy"), wanted)
    draw(workplace, *DIGITS, "--count", "200", "--out", "all.npy")
    assert (workplace / "all.npy").read_bytes() == (workplace / RUN / "samples.npy").read_bytes()


def test_a_folder_has_a_picture_for_each_number(workplace):
    rows = np.load(workplace / RUN / "samples.npy")
    draw(workplace, *DIGITS, "--seeds", "5,20-21", "--out", "pictures/")
    files = sorted((workplace / "pictures").iterdir())
    assert [file.name for file in files] == ["000005.png", "000020.png", "000021.png"]
    with Image.open(files[1]) as picture:
        assert np.array_equal(np.asarray(picture), rows[20, 0])
    draw(workplace, *DIGITS, "--seeds", "0-3", "--out", "pictures")
    assert len(list((workplace / "pictures").iterdir())) == 7


def test_pictures_animations_and_planes_of_both_kinds(workplace):
    before = calls.digest(workplace)
    draw(workplace, *DIGITS, "--out", "grid.png")
    draw(workplace, *SINE, "--out", "points.png")
    draw(workplace, *SINE, "--plane", "--side", "5", "--out", "plane.png")
    draw(workplace, *SINE, "--count", "3", "--out", "points.csv")
    for name, run in (("digits.gif", DIGITS), ("sine.gif", SINE)):
        draw(workplace, *run, "--interpolate", "3", "17", "--frames", "6", "--out", name)
        with Image.open(workplace / name) as animation:
            assert 4 <= animation.n_frames <= 6  # frames that are alike are one
            assert animation.info["loop"] == 0
            assert animation.convert("RGB").getpixel((0, 0)) != (0, 0, 0)
    with Image.open(workplace / "grid.png") as grid:
        assert grid.size == (497, 497)
    rows = np.load(workplace / RUN.replace("digits", "sine") / "samples.npy")[:3]
    table = np.loadtxt(workplace / "points.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert np.array_equal(table, rows)
    assert before.items() <= calls.digest(workplace).items()  # and all the rest is as it was


def test_many_are_drawn_in_blocks(workplace, monkeypatch):
    """So that a million need no more memory than a thousand."""
    sizes = []
    whole = sampling.numbered

    def numbered(*arguments):
        sizes.append(len(arguments[2]))
        return whole(*arguments)

    monkeypatch.setattr(sampling, "numbered", numbered)
    draw(workplace, *SINE, "--seeds", "500-3499", "--out", "a.npy")
    assert sizes == [500, 1000, 1000, 500]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*DIGITS, "--out", "a.jpg"), "--out a.jpg: must be a picture .png"),
        ((*DIGITS, "--out", ""), "--out : must be"),
        ((*DIGITS, "--out", "a.gif"), "--interpolate A B"),
        ((*DIGITS, "--out", "a.csv"), "images make no table"),
        ((*SINE, "--out", "folder/"), "points make no picture each"),
        ((*DIGITS, "--out", "params.yaml"), "params.yaml: must be"),
        ((*DIGITS, "--out", "there.npy"), "there.npy: is there already; name another"),
        ((*DIGITS, "--out", "params.yaml/"), "params.yaml/: is there already"),
        ((*DIGITS, "--out", "params.yaml/a.npy"), "a file is where a folder must be"),
        ((*DIGITS, "--out", "there"), "000003.png is there already; name another folder"),
        ((*DIGITS, "--count", "10001", "--out", "a.png"), "a picture shows 10,000 of these at most"),
        ((*DIGITS, "--count", "0", "--out", "a.png"), "--count: must be a whole number from 1 to"),
        ((*DIGITS, "--seeds", "0-9,5", "--out", "a.png"), "argument --seeds: 5 is named twice"),
        ((*DIGITS, "--seeds", "0-999999999999", "--out", "a.npy"), "more than 100,000,000"),
        ((*DIGITS, "--seeds", "1", "--count", "1", "--out", "a.npy"), "not allowed with"),
        ((*DIGITS, "--interpolate", "1", "2", "--out", "a.png"), "--interpolate makes a .gif file"),
        ((*DIGITS, "--interpolate", "1", "--out", "a.gif"), "--interpolate: expected 2 arguments"),
        ((*DIGITS, "--interpolate", "1", "x", "--out", "a.gif"), "must be a whole number"),
        ((*DIGITS, "--plane", "--out", "a.png"), "the latent space has 32 dimensions"),
        ((*SINE, "--plane", "--out", "a.npy"), "--plane makes a .png file"),
        ((*DIGITS, "--frames", "9", "--out", "a.png"), "--frames: needs --interpolate"),
        ((*SINE, "--side", "9", "--out", "a.png"), "--side: needs --plane"),
        ((*DIGITS, "--seeds", "0-9"), "arguments are required: --out"),
        ((*DIGITS, "--force"), "arguments are required: --out"),
        (("--experiment", "digit", "--seed", "7", "--out", "a.png"), "did you mean digits?"),
        (("--experiment", "digits", "--seed", "8", "--out", "a.png"), "there is no such generator"),
        (("--experiment", "digits", "--out", "a.png"), "which generator?"),
        ((*DIGITS, "--generator", "x", "--out", "a.png"), "leave those options out"),
        (("--generator", "not-there", "--out", "a.png"), "not-there: not a readable network"),
        (("--generator", "params.yaml", "--out", "a.png"), "params.yaml: not a readable network"),
        (("--generator", "data/digits/judge.safetensors", "--out", "a.png"), "not a readable network"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_line_and_nothing_changes(arguments, words, workplace):
    (workplace / "there").mkdir()
    for name in ("there/000003.png", "there.npy"):
        (workplace / name).touch()
    before = calls.digest(workplace)
    calls.assert_refused(calls.call(workplace, "tools.draw", *arguments), words)
    assert calls.digest(workplace) == before


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.gif", "pictures"])
def test_without_room_what_was_there_stays(name, workplace):
    (workplace / "pictures").mkdir()
    for old in ("a.npy", "a.png", "a.gif", "pictures/000003.png"):
        (workplace / old).write_text("old")
    before = calls.digest(workplace)
    how = ("--interpolate", "1", "2", "--frames", "3") if name == "a.gif" else ()
    with calls.file_limit(100):
        ended = calls.call(workplace, "tools.draw", *DIGITS, *how, "--force", "--out", name)
    calls.assert_refused(ended, f"{name}: File too large")
    assert calls.digest(workplace) == before
