"""What the tools say where a run's files are not there; of draw, by the whole tool."""

import subprocess

import pytest

from benchmarks import pipeline
from tests import calls

DIGITS = ("--experiment", "digits", "--seed", "111")
NO_GENERATOR = "data/digits/seed-111/generator.safetensors: there is no such generator; "


@pytest.fixture
def project(tmp_path):
    """A repository in which params.yaml lists sine and digits with seed 111, and nothing is made."""
    (tmp_path / "params.yaml").write_text(calls.PARAMS.read_text())
    for command in (["init"], ["add", "--all"], ["commit", "--message", "all"]):
        environment = pipeline.environment() | pipeline.IDENTITY
        subprocess.run(["git", *command], cwd=tmp_path, env=environment, check=True, capture_output=True)
    return tmp_path


def test_what_is_listed_is_made_by_make_repro(project):
    for tool, more in (("draw", ("--out", "a.png")), ("export", ("--out", "a.ts"))):
        calls.assert_refused(
            calls.call(project, f"tools.{tool}", *DIGITS, *more), f"{NO_GENERATOR}run `make repro`"
        )


def test_after_another_experiment_params_yaml_is_restored_first(project):
    calls.change(project, experiments=["mnist"], seeds=[1])
    words = (
        "does not list digits with seed 111 now, but the committed one does: `git restore params.yaml`, then"
    )
    ended = calls.call(project, "tools.draw", *DIGITS, "--out", "a.png")
    calls.assert_refused(ended, f"{NO_GENERATOR}params.yaml {words} `make repro`")
    ended = calls.call(project, "tools.classify", "--experiment", "digits", "--image", "a.png")
    words = (
        "does not list digits now, but the committed one does: `git restore params.yaml`, then `make repro`"
    )
    calls.assert_refused(ended, f"data/digits/judge.safetensors: there is no such judge; params.yaml {words}")


def test_what_was_never_listed_is_added_to_the_lists(project):
    words = (
        "there is no such generator; params.yaml does not list digits with seed 5: add it to the lists there"
    )
    ended = calls.call(project, "tools.draw", *DIGITS[:3], "5", "--out", "a.png")
    calls.assert_refused(ended, f"{words}, and run `make repro`")


def test_where_there_is_no_git_it_is_added_to_the_lists_too(project):
    (project / ".git").rename(project / "not-git")
    calls.change(project, experiments=["mnist"])
    ended = calls.call(project, "tools.draw", *DIGITS, "--out", "a.png")
    calls.assert_refused(ended, f"{NO_GENERATOR}params.yaml does not list digits with seed 111: add it")


def test_a_judge_that_is_named_is_not_made(project):
    named = ("--experiment", "digits", "--judge", "mine", "--image", "a.png")
    calls.assert_refused(
        calls.call(project, "tools.classify", *named), "mine: there is no such judge; name another"
    )
