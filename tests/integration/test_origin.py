"""Trainings that start from another run's networks (train.from)."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from stages.gan.core import weights
from stages.runtime import files
from tests import calls

RUN = f"digits/seed-{calls.SEED}"
TUNED = ("--experiment", "tuned", "--seed", str(calls.SEED))


@pytest.fixture
def tuned(workplace):
    """A place with another experiment, whose trainings start from those of digits; and with its data."""
    path = workplace / "params.yaml"
    content = yaml.safe_load(path.read_text())
    content["tuned"] = json.loads(json.dumps(content["digits"]))
    content["tuned"]["train"] |= {"from": RUN, "epochs": 1}
    content["experiments"], content["seeds"] = ["digits", "tuned"], [calls.SEED]
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    shutil.copytree(workplace / "data" / "digits", workplace / "data" / "tuned")
    return workplace


def check(folder) -> calls.Ended:
    return calls.call(folder, "check", "--params", "params.yaml")


def test_it_begins_with_what_the_other_left(tuned):
    before = calls.digest(tuned / "data" / "digits")
    assert check(tuned).code == 0
    ended = calls.call(tuned, "train", *TUNED)
    assert ended.code == 0, ended
    assert calls.digest(tuned / "data" / "digits") == before
    origin = load_file(tuned / "data" / RUN / "generator.safetensors")
    first = tuned / "data" / "tuned" / f"seed-{calls.SEED}" / "previews.npy"
    assert np.array_equal(np.load(first)[0], np.load(tuned / "data" / RUN / "previews.npy")[-1])
    made = load_file(first.with_name("generator.safetensors"))
    assert made.keys() == origin.keys()
    assert any(not np.array_equal(made[name], origin[name]) for name in made)
    again = first.with_name("generator.safetensors").read_bytes()
    shutil.rmtree(tuned / ".checkpoints")
    assert calls.call(tuned, "train", *TUNED).code == 0
    assert first.with_name("generator.safetensors").read_bytes() == again


def test_what_the_other_is_made_of_is_part_of_what_it_is(tuned):
    """So that DVC trains it again when the other one's recipe changes, and before that one is made."""

    def known() -> str:
        assert check(tuned).code == 0
        return (tuned / "data" / "code" / "tuned" / "train").read_text()

    assert f"from {RUN} " in known()
    plain = known()
    for change in ({"digits__train__lr": 0.001}, {"digits__data__seed": 5}):
        calls.change(tuned, **change)
        before, plain = plain, known()
        assert plain != before
    calls.change(tuned, digits__sample__count=300)
    assert known() == plain
    calls.change(tuned, experiments=["tuned"])  # of a run that is not made anew, the bytes count
    assert files.md5(tuned / "data" / RUN / "generator.safetensors") in known()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tuned__train__from": "digits"}, "tuned.train.from: must be EXPERIMENT/seed-SEED, such as"),
        ({"tuned__train__from": "digit/seed-7"}, "there is no experiment digit"),
        ({"tuned__train__from": "tuned/seed-7"}, "cannot start from itself (tuned from tuned)"),
        ({"digits__train__from": "tuned/seed-7"}, "cannot start from itself"),
        ({"tuned__generator__hidden": [8]}, "its generator differs from that of tuned"),
        ({"tuned__discriminator__dropout": 0.1}, "its discriminator differs from that of tuned"),
        ({"tuned__train__condition": True}, "its train.condition differs from that of tuned"),
        ({"experiments": ["tuned", "digits"]}, "must be trained first: list digits before tuned in exper"),
        (
            {"tuned__data": {"source": "photographs", "seed": 1}},
            "its samples have the shape (1, 8, 8), those of tuned (3, 32,",
        ),
        (
            {"tuned__train__from": "digits/seed-8"},
            "must be trained first: list digits before tuned in experiments, and 8 in",
        ),
    ],
)
def test_a_run_that_it_cannot_start_from_is_refused(changes, words, tuned):
    calls.change(tuned, **changes)
    before = calls.digest(tuned)
    calls.assert_refused(check(tuned), words)
    assert calls.digest(tuned) == before


def test_networks_of_an_older_recipe_are_none_to_start_from(tuned):
    calls.change(tuned, digits__train__lr=0.001)
    assert check(tuned).code == 0  # as digits is trained first
    ended = calls.call(tuned, "train", *TUNED)
    calls.assert_refused(
        ended, f"tuned.train.from: {RUN}: its networks were trained with other parameters", "dvc repro train@"
    )
    calls.change(tuned, digits__train__lr=0.0005, digits__train__image_every=1)  # which no byte depends on
    assert check(tuned).code == 0
    assert calls.call(tuned, "train", *TUNED).code == 0
    made = weights.read_about(tuned / "data" / "tuned" / f"seed-{calls.SEED}" / "generator.safetensors")
    of_its_origin = (tuned / "data" / RUN / f"{kind}.safetensors" for kind in ("generator", "discriminator"))
    assert made["from"].split() == [files.md5(path) for path in of_its_origin]


def test_without_the_other_one_it_says_what_to_run(tuned):
    shutil.rmtree(tuned / "data" / RUN)
    assert check(tuned).code == 0  # as the same run of the pipeline makes it
    calls.assert_refused(
        calls.call(tuned, "train", *TUNED),
        f"{RUN}: has no networks here",
        f"dvc repro train@digits-{calls.SEED}",
    )


def test_dvc_takes_them_in_the_order_of_the_list(tuned, root):
    for name in ("dvc.yaml", "stages"):
        (tuned / name).symlink_to(root / name)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tuned, check=True)
    assert check(tuned).code == 0
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--dry"], cwd=tuned, capture_output=True, text=True
    )  # which comes as far as something that is not made yet
    trained = [line for line in done.stdout.splitlines() if "stages.train" in line]
    assert [line.split()[-3] for line in trained] == ["digits", "tuned"]
