"""The judge on pictures of anybody's, by hand: that of the small experiment."""

import re

import numpy as np
import pytest
from PIL import Image

from stages.gan.core.datasets import Dataset
from tests import calls


@pytest.fixture
def digit(workplace) -> str:
    """A held-out digit on a large sheet of paper; which of them, says its name."""
    dataset = Dataset.load(workplace / "data" / "digits" / "dataset.safetensors").test
    image = dataset.samples[dataset.labels == 0][7, 0]
    paper = np.full((300, 400), 255, dtype=np.uint8)
    paper[30:190, 200:360] = 255 - image.numpy().repeat(20, axis=0).repeat(20, axis=1)
    Image.fromarray(paper).save(workplace / "zero.png")
    return "zero.png"


def test_it_says_which_digit_and_how_sure_it_is(digit, workplace):
    before = calls.digest(workplace)
    ended = calls.call(workplace, "tools.classify", "--image", digit, digit)
    assert (ended.code, ended.err) == (0, "")
    about, *answers = ended.out.splitlines()
    assert about == "classify digits: 2 pictures on cpu; by data/digits/judge.safetensors"
    assert len(answers) == 2
    assert re.fullmatch(r"zero\.png: 0 \((0\.\d\d)\); then \d \(0\.\d\d\), \d \(0\.\d\d\)", answers[0])
    assert calls.digest(workplace) == before


def test_what_draw_writes_is_seen_in_either_polarity_and_with_12_bits(digit, workplace):
    values = 255 - np.asarray(Image.open(workplace / digit))
    Image.fromarray(values).save(workplace / "light.png")
    Image.fromarray(values.astype(np.uint16) * 16).save(workplace / "deep.png")
    ended = calls.call(workplace, "tools.classify", "--image", digit, "light.png", "deep.png")
    assert ended.code == 0, ended
    answers = [line.partition(": ")[2] for line in ended.out.splitlines()[1:]]
    assert answers[0].startswith("0 (")
    assert answers[0] == answers[1] == answers[2]


def test_a_judge_from_elsewhere_answers_too(digit, workplace):
    (workplace / "data" / "digits" / "judge.safetensors").rename(workplace / "mine")
    named = ("--experiment", "digits", "--judge", "mine")
    ended = calls.call(workplace, "tools.classify", *named, "--image", digit)
    assert ended.out.splitlines()[1].startswith("zero.png: 0 (")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--image", "missing.png"), ("missing.png: not a readable picture (No such file",)),
        (("--image", "zero.png", "params.yaml"), ("params.yaml: not a readable picture",)),
        (("--image", "blank.png"), ("blank.png: there is nothing on it",)),
        (("--image", "zero.png", "--experiment", "sine"), ("sine: its judge is for points",)),
        (("--image", "zero.png", "--experiment", "digit"), ("did you mean digits?",)),
        (("--image", "zero.png", "--judge", "not-there"), ("not-there: there is no such judge",)),
        (("--image", "zero.png", "--judge", "params.yaml"), ("not a readable network",)),
        (
            ("--image", "zero.png", "--experiment", "digits", "--judge", "data/sine/judge.safetensors"),
            ("data/sine/judge.safetensors: this judge knows no classes",),
        ),
        (("--image", "zero.png", "--experiment", "mnist"), ("data/mnist/judge.safetensors: there is no",)),
        (("--experiment", "digits", "--judge", "x"), ("arguments are required: --image",)),
        (("--image",), ("--image: expected at least one",)),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_line_and_nothing_changes(arguments, words, digit, workplace):
    Image.new("L", (50, 50), 128).save(workplace / "blank.png")
    before = calls.digest(workplace)
    calls.assert_refused(calls.call(workplace, "tools.classify", *arguments), *words)
    assert calls.digest(workplace) == before


def test_a_blank_picture_does_not_suppress_the_answers_on_the_others(digit, workplace):
    Image.new("L", (50, 50), 128).save(workplace / "blank.png")
    images = ("blank.png", digit, "missing.png")
    ended = calls.call(workplace, "tools.classify", "--image", *images)
    assert ended.code == 1
    assert [line[:12] for line in ended.out.splitlines()] == ["classify dig", "zero.png: 0 "]
    assert ended.err.startswith("error: blank.png: there is nothing on it")
    assert "; missing.png: not a readable picture" in ended.err
    assert ended.err.count("\n") == 1


def test_before_any_judge_is_fitted_it_says_what_to_do(digit, workplace):
    (workplace / "data" / "digits" / "judge.safetensors").unlink()
    calls.assert_refused(calls.call(workplace, "tools.classify", "--image", digit), "run make repro")
