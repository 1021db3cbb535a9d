"""What is published beside what was made again; the pipeline itself is in tests/integration."""

import json
from pathlib import Path

import pytest
import yaml

from stages.runtime.errors import UserError
from stages.tools import published
from stages.tools.published import File, Runs, Score

PIPELINE = {
    "check": {},
    "judge": {"matrix": {"experiment": []}},
    "train": {"matrix": {"experiment": [], "seed": []}},
    "report": {},
}
ABOUT = {"device": "cpu", "processor": "any", "portable": True, "parameters": {"threads": 2, "train.lr": 0.1}}


def entry(md5: str, path: str, code: str = "a") -> dict:
    deps = [{"path": "stages/gan/core", "md5": code}, {"path": "data/sine/dataset.safetensors", "md5": md5}]
    return {"cmd": "…", "deps": deps, "outs": [{"path": path, "md5": md5}]}


def write(folder: Path, md5: str = "0", code: str = "a", **about: object) -> Path:
    """A clone with a lock, and the files of two seeds; both runs are alike."""
    folder.mkdir()
    lock = {
        "check": entry("1", "data/code"),
        "judge@sine": entry("2", "data/sine/judge.safetensors"),
        "train@sine-1": entry(md5, "data/sine/seed-1/generator.safetensors", code),
        "train@sine-2": entry("3", "data/sine/seed-2/generator.safetensors"),
        "report": entry("4", "reports/README.md"),
    }
    (folder / "dvc.lock").write_text(yaml.safe_dump({"stages": lock}))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": PIPELINE}, sort_keys=False))
    (folder / "requirements.txt").write_text(f"torch=={published.importlib.metadata.version('torch')} \\\n")
    for seed, score in ((1, 0.5), (2, 0.7)):
        run = folder / "reports" / "runs" / "sine" / f"seed-{seed}"
        run.mkdir(parents=True)
        (run / "run.json").write_text(json.dumps({**ABOUT, **about}))
        (run / "metrics.json").write_text(json.dumps({"energy_distance": score, "energy_distance_real": 0}))
    return folder


@pytest.fixture
def before(tmp_path) -> Path:
    return write(tmp_path / "published")


def runs(before: Path, again: Path, seeds: tuple[int, ...] = (1,), everything: bool = False) -> Runs:
    return Runs(before, again, ["sine"], seeds, everything)


def test_all_files_of_the_runs_are_compared_in_the_pipelines_order(before, tmp_path):
    again = write(tmp_path / "again")
    found = runs(before, again, (1, 2), everything=True).compare()
    assert [file.stage for file in found] == ["check", "judge@sine", "train@sine-1", "train@sine-2", "report"]
    assert {file.verdict for file in found} == {"same"}
    assert [file.stage for file in runs(before, again).compare()] == ["judge@sine", "train@sine-1"]
    assert runs(before, again).reasons() == []


def test_a_file_that_differs_is_found(before, tmp_path):
    found = runs(before, write(tmp_path / "again", md5="9"))
    assert [file for file in found.compare() if file.verdict != "same"] == [
        File("train@sine-1", "data/sine/seed-1/generator.safetensors", "differs")
    ]
    assert found.reasons() == []  # the data differ, but not because anybody changed the code


def test_where_the_lock_has_no_entry_the_files_themselves_are_compared(before, tmp_path):
    again, path = write(tmp_path / "again"), "data/sine/seed-1/generator.safetensors"
    lock = yaml.safe_load((before / "dvc.lock").read_text())
    del lock["stages"]["train@sine-1"]
    (before / "dvc.lock").write_text(yaml.safe_dump(lock))
    for folder in (before, again):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text("the same")
    found = runs(before, again)
    assert [file.verdict for file in found.compare()] == ["same", "same"]
    (again / path).write_text("another")
    assert [file.verdict for file in found.compare()] == ["same", "differs"]
    (before / path).unlink()
    assert [file.verdict for file in found.compare()] == ["same", "not published"]
    (reason,) = found.reasons()
    assert reason == "dvc.lock has no entry for train@sine-1: the published results are from earlier code"


def test_what_git_keeps_is_compared_as_it_is_whatever_the_lock_says(before, tmp_path):
    again = write(tmp_path / "again")
    for folder in (before, again):
        (folder / "reports" / "README.md").write_text("the same")  # of which the locks have the same sum
        (folder / "data" / "code" / "sine").mkdir(parents=True)
        (folder / "data" / "code" / "sine" / "train").write_text("the same")
    found = runs(before, again, (1, 2), everything=True)
    assert {file.verdict for file in found.compare()} == {"same"}
    (before / "reports" / "README.md").write_text("mended by hand")
    assert [file.path for file in found.compare() if file.verdict == "differs"] == ["reports/README.md"]
    (again / "data" / "code" / "sine" / "sample").write_text("one more")
    differing = [file.path for file in found.compare() if file.verdict == "differs"]
    assert differing == ["data/code", "reports/README.md"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": "b"}, "stages/gan/core has changed since"),
        ({"processor": "a Xeon"}, "processor: published with any, here a Xeon"),
        ({"device": "cuda"}, "device: published with cpu, here cuda"),
        ({"judge": {"processor": "a Xeon"}}, "the judge's processor: published with none, here a Xeon"),
        ({"portable": False}, "portable: published with True, here False"),
        (
            {"parameters": {"threads": 2, "train.lr": 0.2}},
            "sine.train.lr: published with 0.1, here 0.2",
        ),
        ({"parameters": {"threads": 2}}, "sine.train.lr: published with 0.1, here none"),
    ],
)
def test_what_excuses_a_difference_is_said(before, tmp_path, changes, reason):
    assert runs(before, write(tmp_path / "again", **changes)).reasons() == [reason]


def test_another_library_does(before, tmp_path):
    (before / "requirements.txt").write_text(
        "numpy==1.0 ; python_version < '3' \\\nnumpy==1.1 \\\ncolorama==9\n"
    )
    (reason,) = runs(before, write(tmp_path / "again")).reasons()
    assert reason.startswith("numpy: published with 1.0 or 1.1, here 2")


def test_scores_are_held_against_all_published_seeds(before, tmp_path):
    again = write(tmp_path / "again")
    for made, within in ((0.5, True), (0.6, True), (0.71, False), (0.49, False)):
        (again / "reports/runs/sine/seed-1/metrics.json").write_text(json.dumps({"energy_distance": made}))
        (score,) = runs(before, again).scores()
        assert score == Score("sine, seed 1", "energy_distance", made, 0.5, 0.7, 2)
        assert score.within is within
        assert published.score_table([score])[1].endswith(
            "0.5 to 0.7              " + ("within" if within else "outside")
        )


def test_a_run_that_is_not_published_is_refused(before, tmp_path):
    with pytest.raises(UserError, match="sine, seed 3, is not published: the commit has no reports/"):
        runs(before, tmp_path, (1, 3))
    scores = before / "reports" / "runs" / "sine" / "seed-2" / "metrics.json"
    scores.write_text("<<<<<<< HEAD")
    with pytest.raises(UserError, match=r"^reports/runs/sine/seed-2/metrics.json: not readable"):
        runs(before, tmp_path, (2,))
    scores.unlink()
    with pytest.raises(UserError, match="sine, seed 2, is not published: the commit has no reports/"):
        runs(before, tmp_path, (2,))


def test_the_table_has_a_line_for_each_stage_and_each_file_that_differs():
    lines = published.table(
        [
            File("judge@sine", "a", "same"),
            File("judge@sine", "b", "same"),
            File("train@sine-1", "c", "differs"),
            File("train@sine-1", "d", "not published"),
        ]
    )
    assert [line.split() for line in lines] == [
        ["stage", "files", "the", "same"],
        ["judge@sine", "2", "2"],
        ["train@sine-1", "2", "0"],
        ["differs:", "c"],
        ["not", "published:", "d"],
    ]
