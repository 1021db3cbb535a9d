"""Disks that are full, read-only or in the way: one line, the earlier outputs intact, the next run works."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import pipeline
from tests import calls

pytestmark = pytest.mark.slow

STAGES = ("prepare", "judge", "reference", "train", "sample", "evaluate", "plot-data", "plot", "report")
RUN = f"seed-{calls.SEED}"
OUTPUTS = {
    "prepare": ("data/sine/dataset.safetensors",),
    "judge": ("data/sine/judge.safetensors", "reports/runs/sine/judge.json"),
    "reference": ("data/sine/reference.safetensors",),
    "train": (
        f"data/sine/{RUN}/generator.safetensors",
        f"data/sine/{RUN}/discriminator.safetensors",
        f"data/sine/{RUN}/previews.npy",
        f"reports/runs/sine/{RUN}/losses.csv",
    ),
    "sample": (f"data/sine/{RUN}/samples.npy", f"data/sine/{RUN}/grid.npy"),
    "evaluate": (
        f"data/sine/{RUN}/answers.npy",
        f"reports/runs/sine/{RUN}/run.json",
        f"reports/runs/sine/{RUN}/metrics.json",
    ),
    "plot-data": ("reports/runs/sine/data.png", "reports/runs/sine/judge.png"),
    "plot": tuple(
        f"reports/runs/sine/{RUN}/{name}"
        for name in (
            *("evolution.gif", "evolution.png", "samples.png"),
            *("grid.png", "losses.png", "coverage.png"),
        )
    ),
    "report": (
        "reports/README.md",
        "reports/summary.json",
        *(f"reports/plots/{n}.csv" for n in ("losses", "scores")),
        *(f"reports/figures/{n}-sine.png" for n in ("scores", "losses", "samples")),
    ),
}


def call(folder: Path, stage: str) -> calls.Ended:
    """Run a stage, named as in dvc.yaml."""
    if stage == "plot-data":
        return calls.call(folder, "plot", "--experiment", "sine")
    return calls.call(folder, stage)


def digest(folder: Path) -> dict[str, str]:
    """All but a training's checkpoints and what is logged to MLflow: both may grow while a stage fails."""
    return calls.digest(folder, ".checkpoints", ".outbox", "mlflow.db", "mlruns", "mlartifacts")


def age(folder: Path, stage: str) -> None:
    """Make a stage's outputs differ from what it will make, as those of an earlier run do."""
    for name in OUTPUTS[stage]:
        path = folder / name
        if name.endswith("run.json"):
            path.write_text(path.read_text() + "\n")
        else:
            path.write_bytes(path.read_bytes() + b"earlier")


def limit(folder: Path, stage: str, fitting: str) -> int:
    """A size of files such that, of those that a stage makes, so many fit."""
    sizes = sorted((folder / name).stat().st_size for name in OUTPUTS[stage])
    return {"none": 0, "some": sizes[len(sizes) // 2] - 1, "all but the largest": sizes[-1] - 1}[fitting]


@pytest.mark.parametrize("fitting", ["none", "some", "all but the largest"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_file_that_cannot_grow_leaves_all_as_it_was(stage, fitting, workplace):
    made, size = digest(workplace), limit(workplace, stage, fitting)
    age(workplace, stage)
    before = digest(workplace)
    assert before != made
    with calls.file_limit(size):
        ended = call(workplace, stage)
    calls.assert_refused(ended, "File too large", "ulimit")
    assert any(Path(name).parent.as_posix() in ended.err for name in OUTPUTS[stage])
    assert digest(workplace) == before
    assert call(workplace, stage).code == 0
    assert digest(workplace) == made


@pytest.mark.parametrize("stage", STAGES)
def test_a_file_where_a_folder_must_be_is_named(stage, workplace):
    folder = (workplace / OUTPUTS[stage][0]).parent
    if stage in ("judge", "evaluate"):  # their inputs are in that folder
        folder = (workplace / OUTPUTS[stage][-1]).parent
    if stage in ("reference", "sample", "plot", "report"):  # and here in all: a folder where a file must be
        folder = workplace / OUTPUTS[stage][-1]
        folder.unlink()
        folder.mkdir()
    else:
        shutil.rmtree(folder)
        folder.write_text("in the way")
    before = digest(workplace)
    ended = call(workplace, stage)
    calls.assert_refused(ended, folder.relative_to(workplace).as_posix(), "move it away")
    assert digest(workplace) == before


@pytest.mark.parametrize("stage", STAGES)
def test_a_folder_that_may_not_be_written_to_is_named(stage, workplace):
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    folder = (workplace / OUTPUTS[stage][-1]).parent
    before = digest(workplace)
    folder.chmod(0o555)
    try:
        ended = call(workplace, stage)
    finally:
        folder.chmod(0o755)
    calls.assert_refused(ended, folder.relative_to(workplace).as_posix(), "Permission denied")
    assert digest(workplace) == before


ON_A_SMALL_DISK = """
import os, shutil, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests import calls
from tests.integration.test_full_disk import OUTPUTS, STAGES, age, call, digest

source, disk = Path(sys.argv[2]), Path(sys.argv[3])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk], check=True)
folder = disk / "workplace"
shutil.copytree(source, folder)
made = digest(folder)
room = shutil.disk_usage(disk).free
for stage in STAGES:
    needed = sum(-(-(folder / name).stat().st_size // 4096) * 4096 for name in OUTPUTS[stage])
    age(folder, stage)
    before = digest(folder)
    for left in (0, needed // 8192 * 4096, needed - 4096):
        with open(disk / "filler", "wb") as filler:
            filler.write(bytes(shutil.disk_usage(disk).free - left))
        ended = call(folder, stage)
        (disk / "filler").unlink()
        calls.assert_refused(ended, "No space left on device; free some space")
        assert digest(folder) == before, (stage, left)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    ended = call(folder, stage)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    calls.assert_refused(ended, "Read-only file system")
    assert digest(folder) == before, stage
    assert call(folder, stage).code == 0
    assert digest(folder) == made, stage
print("all is well")
"""


def test_a_real_disk_that_is_full_or_read_only(finished, root, tmp_path):
    """In a mount namespace of its own, which takes the small file system with it when it ends."""
    unshare = ["unshare", "--map-root-user", "--mount"]
    (tmp_path / "disk").mkdir()
    tried = [*unshare, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "disk")]
    try:
        subprocess.run(tried, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        [*unshare, sys.executable, "-c", ON_A_SMALL_DISK, root, finished, tmp_path / "disk"],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("all is well"), done.stderr


@pytest.mark.parametrize("stage", ["judge", "evaluate"])
def test_a_process_of_its_own_ends_so_too(stage, workplace, root):
    age(workplace, stage)
    before = digest(workplace)
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}", "--experiment", "sine"]
        + (["--seed", str(calls.SEED)] if stage == "evaluate" else []),
        cwd=workplace,
        env={"PYTHONPATH": str(root), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "File too large" in line
    assert digest(workplace) == before


def test_a_checkpoint_for_which_there_is_no_room_is_left_out(workplace, monkeypatch):
    def folder(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", ".outbox")

    made = digest(workplace)
    calls.change(workplace, sine__train__checkpoint_every=1)
    monkeypatch.setattr(calls.Untracked, "folder", folder)
    ended = calls.call(workplace, "train")
    assert ended.code == 0
    assert ended.err == "".join(
        f"warning: {what} will not be in MLflow: .outbox: No space left on device; free some space there and "
        "run it again\n"
        for what in ("checkpoints/epoch-0001", "the model")
    )
    calls.change(workplace, sine__train__checkpoint_every=5)
    assert digest(workplace) == made


def test_a_full_disk_below_what_it_says_stops_no_stage(workplace, root):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    command = [sys.executable, "-m", "stages.prepare", "--experiment", "sine"]
    environment = {"PYTHONPATH": str(root), "PATH": ""}
    made = digest(workplace)
    age(workplace, "prepare")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=workplace, env=environment, stdout=full, stderr=full)
    assert done.returncode == 0
    assert digest(workplace) == made


def test_after_a_failed_repro_the_next_one_works(tmp_path):
    """DVC deletes a stage's outputs before it runs it; here only the stage is short of room, not DVC."""
    calls.checkout(tmp_path)
    pipeline.make_idle(tmp_path)
    limited = tmp_path / "limited" / "python"
    limited.parent.mkdir()
    limited.write_text(f'#!/bin/sh\nulimit -f 24\nexec {sys.executable} "$@"\n')  # 12 KB
    limited.chmod(0o755)

    def repro(*first: Path) -> subprocess.CompletedProcess:
        environment = pipeline.environment()
        environment["PATH"] = os.pathsep.join([*map(str, first), environment["PATH"]])
        command = ["dvc", "repro", "prepare@sine"]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    dataset = tmp_path / "data" / "sine" / "dataset.safetensors"
    assert repro().returncode == 0
    earlier = dataset.read_bytes()
    pipeline.change_params(tmp_path, {"sine": {"data": {"points": 4000}}})
    failed = repro(limited.parent)
    assert failed.returncode != 0
    (line,) = [line for line in failed.stderr.splitlines() if line.startswith("error: ")]
    assert "File too large" in line
    assert not dataset.exists()
    assert repro().returncode == 0
    assert len(dataset.read_bytes()) > len(earlier)
    pipeline.change_params(tmp_path, {"sine": {"data": {"points": 64}}})
    assert repro().returncode == 0
    assert dataset.read_bytes() == earlier
