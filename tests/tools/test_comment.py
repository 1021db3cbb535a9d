"""The comment on a pull request: from a real repository of git and DVC; and the workflow that posts it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import pipeline
from stages.gan.core import params
from stages.gan.report import changes
from tests import calls

ADDRESSES = ("--base-files", "https://host/base/{commit}", "--head-files", "https://host/head/{commit}")


def git(folder: Path, *arguments: str) -> str:
    own = {**os.environ, **pipeline.IDENTITY}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=own, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")
    return git(folder, "rev-parse", "HEAD")


def write(folder: Path, seed: int, distance: float, **scored: str | int) -> None:
    """What the comment reads of a run of ``sine`` with the parameters as they are."""
    run = folder / "reports" / "runs" / "sine" / f"seed-{seed}"
    run.mkdir(parents=True, exist_ok=True)
    known = params.load(folder / "params.yaml")
    flat = {"threads": known.settings.threads, **params.flatten(known.experiments["sine"])}
    about = {"experiment": "sine", "seed": seed, "parameters": flat}
    about["judge"] = {"md5": scored.get("judge", "same")}
    if "weakness" in scored:
        about["judge"]["weakness"] = scored["weakness"]
    about["data"] = {"md5": scored.get("data", "same")}
    about["samples"] = {"count": scored.get("count", 500), "block": 100}
    if "primary" in scored:
        about["parameters"]["evaluate.primary"] = scored["primary"]
    (run / "run.json").write_text(json.dumps(about))
    found = {"energy_distance": distance, "collapsed": 0} | scored.get("scores", {})
    (run / "metrics.json").write_text(json.dumps(found))
    (run / "samples.png").write_text(f"a picture of {distance}")


@pytest.fixture
def repository(tmp_path) -> Path:
    calls.checkout(tmp_path)
    calls.change(tmp_path, experiments=["sine"], seeds=[1, 2, 3])
    for seed in (1, 2, 3):
        write(tmp_path, seed, 0.02 + seed / 10000)
    commit(tmp_path)
    git(tmp_path, "switch", "--quiet", "--create", "branch")
    return tmp_path


def test_a_branch_is_compared_with_where_it_began(repository):
    base = git(repository, "rev-parse", "main")
    calls.change(repository, sine__train__lr=0.002)
    for seed in (1, 2, 4):
        write(repository, seed, 0.01 + seed / 10000)
    shutil.rmtree(repository / "reports/runs/sine/seed-3")
    head = commit(repository)
    git(repository, "switch", "--quiet", "main")
    calls.change(repository, sine__train__lr=0.5)  # what others do meanwhile is not this branch's
    commit(repository)
    git(repository, "switch", "--quiet", "branch")

    ended = calls.call(repository, "tools.comment", "--base", "main", *ADDRESSES, "--output", "comment.md")
    assert ended.code == 0, ended
    text = (repository / "comment.md").read_text()
    assert f"Commit `{head[:10]}` compared with `{base[:10]}`" in text
    assert "| `sine.train.lr` | 0.001 | 0.002 |" in text
    assert "New: seed 4; removed: seed 3; changed: seeds 1 and 2." in text
    assert (
        "| energy distance ↓, primary | 0.02020 (0.02010 – 0.02030) | 0.01020 (0.01010 – 0.01040) | too"
        in text
    )
    assert "with other parameters** than params.yaml has: sine, seed 3." in text
    assert f'src="https://host/base/{base}/reports/runs/sine/seed-1/samples.png"' in text
    assert f'src="https://host/head/{head}/reports/runs/sine/seed-4/samples.png"' in text
    assert "so the scores are not comparable" not in text
    assert "Not included" not in text


@pytest.mark.parametrize("where", [".", "part"])
def test_what_is_not_committed_is_named_and_not_compared(repository, where):
    """The project may be a part of its repository."""
    folder = repository / where
    if where != ".":
        folder.mkdir()
        for name in (".dvc", "params.yaml", "dvc.yaml", "reports", "stages"):
            git(repository, "mv", name, where)
        commit(repository)
        git(repository, "branch", "--force", "main")
    calls.change(folder, sine__train__lr=0.002)
    write(folder, 1, 0.5)
    write(folder, 7, 0.5)
    ended = calls.call(folder, "tools.comment", "--base", "main")
    assert "No parameter, score or picture differs between the two commits." in ended.out, ended
    assert "with other parameters**" not in ended.out  # the commit's are of its parameters
    run = "reports/runs/sine/seed-1"
    assert "**Not included**: 7 files" in ended.out
    assert f"`params.yaml`, `{run}/metrics.json`, `{run}/run.json` and 4 more." in ended.out


def test_a_commit_with_bad_parameters_is_refused_in_a_line(repository):
    calls.change(repository, sine__train__lr="fast")
    head = commit(repository)
    ended = calls.call(repository, "tools.comment", "--base", "main")
    calls.assert_refused(ended, f"params.yaml of commit {head[:10]}: sine.train.lr")


def test_it_is_the_same_each_time_it_is_made(repository):
    """What DVC lists comes in the order of a set, which the seed of Python's hashes decides."""
    names = ("lr", "epochs", "batch_size", "preview", "image_every", "checkpoint_every")
    calls.change(repository, **{f"sine__train__{name}": 1 for name in names})
    write(repository, 1, 0.5)
    commit(repository)
    texts = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "stages.tools.comment", "--base", "main"]
        own = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(command, cwd=repository, env=own, capture_output=True, text=True, check=True)
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    rows = [line for line in texts[0].splitlines() if line.startswith("| `sine.train.")]
    assert rows == sorted(rows)
    assert len(rows) == len(names)


def test_without_a_change_that_is_said_and_without_addresses_there_are_no_pictures(repository):
    ended = calls.call(repository, "tools.comment", "--base", "main")
    assert "No parameter, score or picture differs between the two commits." in ended.out
    assert "with other parameters**" not in ended.out
    write(repository, 1, 0.5, primary="energy_distance")
    commit(repository)
    ended = calls.call(repository, "tools.comment", "--base", "main")
    assert "<img" not in ended.out
    assert "so the scores are not comparable" not in ended.out


@pytest.mark.parametrize("scored", [{"judge": "another"}, {"data": "others"}, {"count": 1000}])
def test_a_run_that_is_scored_otherwise_is_not_compared(repository, scored):
    write(repository, 4, 0.5, **scored)  # a new one, of which there is nothing to compare with
    commit(repository)
    ended = calls.call(repository, "tools.comment", "--base", "main")
    assert "so the scores are not comparable" in ended.out
    assert "**: the same as before." in ended.out


def test_a_judge_that_knows_nothing_is_said(repository):
    for seed in (1, 2, 3):
        write(repository, seed, 0.5 + seed / 10, weakness="it explains -40.7", scores={"judge_error": 3.0})
    commit(repository)
    ended = calls.call(repository, "tools.comment", "--base", "main")
    assert ": it explains -40.7." in ended.out


def test_an_unknown_branch_is_reported_in_a_line(repository, tmp_path):
    ended = calls.call(repository, "tools.comment", "--base", "mian")
    calls.assert_refused(ended, "mian and this commit have nothing in common", "name a branch or a commit")
    git(repository, "clone", "--quiet", "--depth", "1", repository.as_uri(), str(tmp_path / "shallow"))
    ended = calls.call(tmp_path / "shallow", "tools.comment", "--base", "HEAD~1")
    calls.assert_refused(ended, "this clone is shallow: git fetch --unshallow")


@pytest.fixture(scope="module")
def workflow(root) -> dict:
    return yaml.safe_load((root / ".github" / "workflows" / "report.yml").read_text())


def test_the_workflow_runs_no_foreign_code_where_it_may_write(workflow):
    assert list(workflow[True]) == ["pull_request"]  # "on" is true in YAML; and not pull_request_target
    assert workflow["permissions"] == {"contents": "read"}
    write, post = workflow["jobs"]["write"], workflow["jobs"]["post"]
    assert "permissions" not in write
    assert write["steps"][0]["with"]["persist-credentials"] is False
    assert post["permissions"] == {"pull-requests": "write"}
    assert "head.repo.full_name == github.repository" in post["if"]
    assert not any("checkout" in step.get("uses", "") for step in post["steps"])
    # What a pull request can name is never part of a script.
    assert not any("${{" in step.get("run", "") for job in (write, post) for step in job["steps"])
    assert post["steps"][-1]["env"]["MARK"] == changes.MARK


def test_the_workflow_asks_for_options_that_there_are(workflow, tmp_path):
    (script,) = [step["run"] for step in workflow["jobs"]["write"]["steps"] if step.get("name") == "Compare"]
    assert "python -m stages.tools.comment " in script
    shown = calls.call(tmp_path, "tools.comment", "--help").out
    assert set(re.findall(r"(?<= )--[a-z-]+", script)) == set(re.findall(r"--[a-z-]+", shown)) - {"--help"}


def test_the_workflow_installs_all_that_the_comment_imports(workflow, root):
    (script,) = [
        step["run"] for step in workflow["jobs"]["write"]["steps"] if "install" in step.get("run", "")
    ]
    code = """
import sys, stages.tools.comment, stages.gan.report.changes
print(*{name.split(".")[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {
        "torch",
        "torchvision",
        "matplotlib",
        "PIL",
        "mlflow",
        "sklearn",
        "safetensors",
        "tqdm",
    }
    installed = script.split("requirements.txt", 1)[1].split()
    names = {
        "pydantic": "pydantic",
        "yaml": "pyyaml",
        "scipy": "scipy",
        "psutil": "psutil",
    }
    assert {package for module, package in names.items() if module in loaded} <= set(installed)
    pinned = (root / "requirements.txt").read_text()
    for package in installed:
        assert re.search(rf"^{package}==", pinned, re.MULTILINE), package
