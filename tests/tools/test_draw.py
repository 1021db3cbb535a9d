"""Samples by hand, from the generators of the small experiments."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from stages.gan.core import weights
from stages.gan.core.conditional import Conditional
from stages.gan.core.datasets import normalize
from stages.gan.judges import models
from stages.gan.networks.base.sampling import Sampler
from stages.gan.networks.mlp import MlpGenerator
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


def test_a_picture_of_one_sample_is_as_in_the_data_and_one_of_several_dark_on_light(workplace):
    made = MlpGenerator(3, [16], (1, 8, 8), torch.Generator().manual_seed(1))
    with torch.no_grad():
        made.layers[2].weight *= 4
        made.layers[2].bias -= 2  # light on dark
    weights.save(workplace / "g.safetensors", made, ABOUT)
    mine = ("--generator", "g.safetensors", "--seeds")
    draw(workplace, *mine, "0-8", "--out", "all.npy")
    rows = np.load(workplace / "all.npy")
    assert (rows < 32).mean() > 0.5
    draw(workplace, *mine, "0-8", "--out", "each/")
    for number, row in enumerate(rows):
        with Image.open(workplace / "each" / f"{number:06}.png") as picture:
            assert np.array_equal(np.asarray(picture), row[0])
    draw(workplace, *mine, "4", "--out", "one.png")
    with Image.open(workplace / "one.png") as picture:
        assert np.array_equal(np.asarray(picture)[::7, ::7], rows[4, 0])
    draw(workplace, *mine, "0-8", "--out", "grid.png")
    with Image.open(workplace / "grid.png") as picture:
        assert np.array_equal(np.asarray(picture)[:56:7, :56:7], 255 - rows[0, 0])


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
    whole = Sampler.numbered

    def numbered(sampler, numbers):
        sizes.append(len(numbers))
        return whole(sampler, numbers)

    monkeypatch.setattr(Sampler, "numbered", numbered)
    draw(workplace, *SINE, "--seeds", "500-3499", "--out", "a.npy")
    assert sizes == [500, 1000, 1000, 500]


ABOUT = {"experiment": "digits", "seed": calls.SEED, "device": "cpu"}
COUNTS = [5, 0, 5, 9]  # of class 1 there is none


@pytest.fixture
def told(workplace) -> Conditional:
    """A generator of digits that is told the class, in t.safetensors."""
    made = Conditional(
        MlpGenerator(3 + len(COUNTS), [16], (1, 8, 8), torch.Generator().manual_seed(1)), COUNTS
    )
    weights.save(workplace / "t.safetensors", made, ABOUT)
    return made.eval()


def test_of_a_class_that_the_generator_is_told(workplace, told):
    ended = draw(workplace, "--generator", "t.safetensors", "--class", "2", "--count", "30", "--out", "a.npy")
    assert ended.out == "draw digits, seed 7: 30 samples of class 2 on cpu; see a.npy\n"
    wanted = torch.cat(list(Sampler(told, calls.SEED, 2).samples(30))).numpy()
    assert np.array_equal(np.load(workplace / "a.npy"), wanted)
    draw(workplace, "--generator", "t.safetensors", "--count", "30", "--out", "own.npy")
    own = torch.cat(list(Sampler(told, calls.SEED).samples(30))).numpy()
    assert np.array_equal(np.load(workplace / "own.npy"), own)
    assert (own != wanted).any()
    draw(workplace, "--generator", "t.safetensors", "--class", "3", "--out", "grid.png")
    draw(workplace, "--generator", "t.safetensors", "--class", "3", "--count", "2", "--out", "new/")
    assert len(list((workplace / "new").iterdir())) == 2


def test_an_animation_of_a_generator_that_is_told_the_class(workplace, told):
    to = ("--interpolate", "3", "17", "--frames", "6", "--out")
    draw(workplace, "--generator", "t.safetensors", *to, "own.gif")
    ended = draw(workplace, "--generator", "t.safetensors", "--class", "2", *to, "two.gif")
    assert "6 frames from sample 3 to 17 and back of class 2 on cpu" in ended.out
    assert (workplace / "own.gif").read_bytes() != (workplace / "two.gif").read_bytes()


@pytest.mark.parametrize("how", [(), ("--judge", "j.safetensors")])
def test_of_a_class_by_what_the_judges_say(workplace, how):
    made = MlpGenerator(3, [16], (1, 8, 8), torch.Generator().manual_seed(1)).eval()
    for values in made.parameters():
        values.data *= 4  # images that differ
    weights.save(workplace / "g.safetensors", made, ABOUT)
    judges, _ = weights.load(
        workplace / "data/digits/judge.safetensors", models.get_judges, torch.device("cpu")
    )
    samples = torch.cat(list(Sampler(made, calls.SEED).samples(1000)))
    answers = models.predict(judges, normalize(samples)).argmax(1)
    label = int(answers.bincount().argmax())
    numbers = (answers == label).nonzero().flatten()[:20]
    assert numbers[-1] > 19  # there are others between them
    if how:
        (workplace / "data/digits/judge.safetensors").rename(workplace / "j.safetensors")
    which = ("--generator", "g.safetensors", "--class", str(label), "--count", "20")
    ended = draw(workplace, *which, *how, "--out", "a.npy")
    assert ended.out == (
        f"draw digits, seed 7: of its first {numbers[-1] + 1:,} samples, 20 samples that the judges take for "
        f"class {label} on cpu; see a.npy\n"
    )
    assert np.array_equal(np.load(workplace / "a.npy"), samples[numbers].numpy())


def test_a_class_that_the_generator_hardly_draws_is_given_up(workplace):
    made = MlpGenerator(3, [16], (1, 8, 8), torch.Generator().manual_seed(1))
    for values in made.parameters():
        values.data.zero_()  # all its samples are the same
    weights.save(workplace / "g.safetensors", made, ABOUT)
    ended = [
        calls.call(
            workplace, "tools.draw",
            *("--generator", "g.safetensors", "--class", str(label), "--count", "1", "--out", f"{label}.npy"),
        )
        for label in range(10)
    ]  # fmt: skip
    assert sorted(found.code for found in ended) == [0, *[1] * 9]
    for label, found in enumerate(ended):
        if found.code:
            calls.assert_refused(found, f"--class {label}: of 1,000 samples the judges take 0 for it")


def test_truncation_keeps_latent_points_within(workplace, told):
    for arguments, label in (((), None), (("--class", "2"), 2)):
        name = f"{label}.npy"
        which = ("--generator", "t.safetensors", *arguments, "--truncation", "0.5", "--count", "100")
        draw(workplace, *which, "--out", name)
        sampler = Sampler(told, calls.SEED, label, 0.5)
        assert np.array_equal(np.load(workplace / name), sampler.numbered(range(100)).numpy())
        latents = torch.stack([sampler.latent(number) for number in range(100)])
        assert latents[:, :3].abs().max() <= 0.5
        assert (latents[:, 3:].sum(1) == 1).all()
    draw(workplace, *SINE, "--truncation", "1", "--out", "points.png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--class", "1"), "--class 1: the generator knows 0, 2, 3"),
        (("--class", "4"), "--class 4: the generator knows 0, 2, 3"),
        (("--class", "2", "--seeds", "0-9"), "--class: chooses the samples itself; give their number by"),
        (("--judge", "data/digits/judge.safetensors"), "--judge: needs --class"),
    ],
)
def test_a_class_that_cannot_be_drawn_is_refused(arguments, words, workplace, told):
    ended = calls.call(workplace, "tools.draw", "--generator", "t.safetensors", *arguments, "--out", "a.npy")
    calls.assert_refused(ended, words)
    assert not (workplace / "a.npy").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*DIGITS, "--out", "a.jpg"), "--out a.jpg: must be a picture .png"),
        ((*DIGITS, "--out", ""), "--out : must be"),
        ((*DIGITS, "--out", "a.gif"), "--interpolate A B"),
        ((*DIGITS, "--out", "a.csv"), "images do not fit in a table"),
        ((*SINE, "--out", "folder/"), "single points are no pictures"),
        ((*DIGITS, "--out", "params.yaml"), "params.yaml: must be"),
        ((*DIGITS, "--out", "there.npy"), "there.npy: is there already; name another"),
        ((*DIGITS, "--out", "params.yaml/"), "params.yaml/: is there already"),
        ((*DIGITS, "--out", "params.yaml/a.npy"), "a file is where a folder must be"),
        ((*DIGITS, "--out", "there"), "000003.png is there already; name another folder"),
        ((*DIGITS, "--count", "10001", "--out", "a.png"), "a picture shows at most 10,000 of these"),
        ((*DIGITS, "--count", "0", "--out", "a.png"), "--count: must be a whole number from 1 to"),
        ((*DIGITS, "--seeds", "0-9,5", "--out", "a.png"), "argument --seeds: 5 is given twice"),
        ((*DIGITS, "--seeds", "0-999999999999", "--out", "a.npy"), "too many numbers; at most 100,000,000"),
        ((*DIGITS, "--seeds", "1", "--count", "1", "--out", "a.npy"), "not allowed with"),
        ((*DIGITS, "--interpolate", "1", "2", "--out", "a.png"), "--interpolate makes a .gif file"),
        ((*DIGITS, "--interpolate", "1", "--out", "a.gif"), "--interpolate: expected 2 arguments"),
        ((*DIGITS, "--interpolate", "1", "x", "--out", "a.gif"), "must be a whole number"),
        ((*DIGITS, "--plane", "--out", "a.png"), "needs a latent space of 2 dimensions, and this one has 32"),
        ((*SINE, "--plane", "--out", "a.npy"), "--plane makes a .png file"),
        ((*DIGITS, "--frames", "9", "--out", "a.png"), "--frames: needs --interpolate"),
        ((*SINE, "--side", "9", "--out", "a.png"), "--side: needs --plane"),
        ((*DIGITS, "--class", "x", "--out", "a.png"), "argument --class: must be a whole number"),
        ((*DIGITS, "--class", "-1", "--out", "a.png"), "--class: "),
        ((*DIGITS, "--class", "10", "--out", "a.png"), "--class 10: the judges know 0 to 9"),
        ((*DIGITS, "--class", "1", "--seeds", "0-9", "--out", "a.png"), "by --count, not by --seeds"),
        ((*DIGITS, "--class", "1", "--judge", "no", "--out", "a.png"), "no: there are no such judges"),
        ((*DIGITS, "--class", "1", "--judge", f"{RUN}/generator.safetensors", "--out", "a.png"), "not a"),
        ((*DIGITS, "--class", "1", "--interpolate", "1", "2", "--out", "a.gif"), "judges can only select"),
        ((*DIGITS, "--judge", "data/digits/judge.safetensors", "--out", "a.png"), "--judge: needs --class"),
        ((*SINE, "--class", "1", "--out", "a.png"), "these judges know no classes"),
        ((*SINE, "--class", "1", "--plane", "--out", "a.png"), "the judges can only select"),
        ((*SINE, "--truncation", "1", "--plane", "--out", "a.png"), "--truncation: --plane shows the whole"),
        ((*DIGITS, "--truncation", "0", "--out", "a.png"), "--truncation: '0' is not a number above 0"),
        ((*DIGITS, "--truncation", "nan", "--out", "a.png"), "--truncation: 'nan' is not a number above 0"),
        ((*DIGITS, "--truncation", "x", "--out", "a.png"), "--truncation: 'x' is not a number above 0"),
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
