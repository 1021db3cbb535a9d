"""The whole pipeline at tiny size, through the real `dvc repro`, in a clone of its own."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from PIL import Image

from benchmarks import browser, pipeline
from stages.gan.core import devices
from stages.gan.evaluation.scores import in_mlflow
from stages.runtime import files
from stages.tools import smoke
from tests import calls

ABSENT = next(device for device in ("cuda", "mps") if device not in devices.available())

BROWSER = browser.find()

NAMES = ("sine", "digits")
BASELINES = ("_real", "_noise", "_spread")  # endings of what metrics.json has beside the scores of samples


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command as a user would in a fresh shell with the virtual environment's programs."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**pipeline.environment(), **pipeline.IDENTITY, "CI": "", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_quietly(folder: Path, *command: str) -> str:
    """What a command prints to stdout alone."""
    done = subprocess.run(command, cwd=folder, env=pipeline.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ran(output: str) -> list[str]:
    """The stages that DVC says it ran."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def stages(*names: str) -> set[str]:
    """All stages of some names, of both experiments."""
    runs = ("train", "sample", "evaluate", "plot")
    return {f"{name}@{which}{'-111' if name in runs else ''}" for name in names for which in NAMES}


def changed(folder: Path) -> set[str]:
    """The stages of which DVC finds a dep or an output changed; not those that only follow these."""
    output = run(folder, "dvc", "status", "--json")
    return set(json.loads(output[output.index("{") : output.rindex("}") + 1]))


@contextmanager
def edited(folder: Path, **changes: tuple[str, str] | str) -> Iterator[None]:
    """Within the block, files of the science have something replaced, or a line more; ``__`` is a slash."""
    paths = {folder / "stages" / f"{name.replace('__', '/')}.py": change for name, change in changes.items()}
    before = {path: path.read_text() for path in paths}
    try:
        for path, change in paths.items():
            right, wrong = (before[path], before[path] + change) if isinstance(change, str) else change
            assert right in before[path]
            path.write_text(before[path].replace(right, wrong, 1))
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A git repository with the project's files as they are now, at tiny size, and nothing else."""
    project, folder = (tmp_path_factory.mktemp(name) for name in ("project", "clone"))
    calls.checkout(project)
    run(project, "git", "add", "--all")
    smoke.copy(project, folder)
    return folder


@pytest.fixture(scope="module")
def reproduced(clone) -> Path:
    """The clone after `make smoke` has run the pipeline there, committed."""
    seconds = smoke.run(clone)
    every = stages("prepare", "judge", "reference", "train", "sample", "evaluate", "plot-data", "plot")
    assert sorted(seconds) == sorted([*every, "check", "report"])
    run(clone, "git", "add", "--all")
    run(clone, "git", "commit", "--quiet", "--message", "results")
    return clone


def test_every_file_of_the_contract_is_there(reproduced):
    for name, shape, dtype in (("sine", (2,), "float32"), ("digits", (1, 8, 8), "uint8")):
        data, report = reproduced / "data" / name, reproduced / "reports" / "runs" / name
        for file in ("generator.safetensors", "discriminator.safetensors"):
            assert (data / "seed-111" / file).exists()
        samples = np.load(data / "seed-111" / "samples.npy")
        assert samples.shape == (1200, *shape)
        assert samples.dtype == dtype
        for file in ("data.png", "judge.png", "judge.json"):
            assert (report / file).exists()
        for picture in ("evolution", "samples", "grid", "losses", "coverage"):
            assert (report / "seed-111" / f"{picture}.png").exists()
        for figure in ("samples", "scores", "losses"):
            assert (reproduced / "reports" / "figures" / f"{figure}-{name}.png").exists()
        lines = (report / "seed-111" / "losses.csv").read_text().splitlines()
        assert lines[0] == "epoch,loss_d,loss_g,d_real,d_fake"
        assert len(lines) == 3
        with Image.open(report / "seed-111" / "evolution.gif") as gif:
            assert gif.n_frames == 3
        scores = yaml.safe_load((report / "seed-111" / "metrics.json").read_text())
        assert all(isinstance(score, int | float) for score in scores.values())
        assert "collapsed" in scores
    text = (reproduced / "reports" / "README.md").read_text()
    assert "## sine" in text
    assert "## digits" in text
    for picture in (part.split(")")[0] for part in text.split("](")[1:]):
        assert (reproduced / "reports" / picture).exists(), picture


def test_mlflow_holds_the_training(reproduced, monkeypatch):
    monkeypatch.chdir(reproduced)
    client = MlflowClient(f"sqlite:///{reproduced}/mlflow.db")
    for name in ("sine", "digits"):
        experiment = client.get_experiment_by_name(name)
        runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
        assert sorted(runs) == ["judge", "seed-111"]
        training, judge = runs["seed-111"], runs["judge"]
        assert training.info.status == judge.info.status == "FINISHED"

        tags = training.data.tags
        generator = Path("data", name, "seed-111", "generator.safetensors")
        lock = yaml.safe_load(Path("dvc.lock").read_text())["stages"][f"train@{name}-111"]
        named = {out["path"]: out["md5"] for out in lock["outs"]}
        assert tags["dvc.generator"] == named[str(generator)] == files.md5(generator)
        assert tags["dvc.judge"] == files.md5(Path("data", name, "judge.safetensors"))
        assert tags["seed"] == "111"
        assert tags["device.name"]
        assert re.fullmatch(r"PyTorch [\w.+]+, Python [\d.]+", tags["versions"])
        assert len(tags["mlflow.source.git.commit"]) == 40
        assert tags["git.changed"] == "no"
        visible = {tag for tag in tags if not tag.startswith("mlflow.")}
        assert visible == {"dvc.generator", "dvc.judge", "seed", "device.name", "versions", "git.changed"}
        assert f"of commit `{tags['mlflow.source.git.commit'][:7]}`. " in tags["mlflow.note.content"]

        params = training.data.params
        assert params["train.epochs"] == "2"
        assert (params["threads"], params["device"]) == ("1", "cpu")
        assert params["generator.network"] == "mlp"
        assert not [key for key in params if key.startswith(("judge.", "sample.", "evaluate."))]

        metrics = training.data.metrics
        scores = json.loads(Path("reports", "runs", name, "seed-111", "metrics.json").read_text())
        of_samples = {score: value for score, value in scores.items() if not score.endswith(BASELINES)}
        assert len(of_samples) < len(scores) / 2
        for score, value in of_samples.items():
            assert metrics.pop(in_mlflow(score)) == pytest.approx(value)
        of_training = {"wall_seconds", "training_seconds", "steps_per_second"}
        assert set(metrics) == {"loss_d", "loss_g", "d_real", "d_fake", *of_training}
        assert 0 < metrics["training_seconds"] <= metrics["wall_seconds"]
        assert metrics["steps_per_second"] > 0
        for loss in ("loss_d", "loss_g", "d_real", "d_fake"):
            assert [m.step for m in client.get_metric_history(training.info.run_id, loss)] == [1, 2]

        def artifacts(folder: str, run_id: str = training.info.run_id) -> set[str]:
            return {Path(file.path).name for file in client.list_artifacts(run_id, folder)}

        for epoch in (1, 2):
            networks = artifacts(f"checkpoints/epoch-{epoch:04d}")
            assert networks == {"generator.safetensors", "discriminator.safetensors"}
        assert {f"preview+step+{n}" for n in (0, 1, 2)} == {
            p.split("+timestamp")[0] for p in artifacts("images")
        }
        figures = {"evolution.gif", "evolution.png", "samples.png", "losses.png", "coverage.png"}
        assert figures <= artifacts("")
        assert {"metrics.json", "run.json"} <= artifacts("")
        logged = client.download_artifacts(training.info.run_id, "metrics.json")
        assert json.loads(Path(logged).read_text()) == scores
        assert "changes.diff" not in artifacts("")
        assert {"data.png", "judge.png"} <= artifacts("", judge.info.run_id)
        (data,) = training.inputs.dataset_inputs
        assert data.dataset.digest == files.md5(Path("data", name, "dataset.safetensors"))
        assert any(metric.startswith("test_") for metric in judge.data.metrics)


def test_nothing_changed_runs_nothing(reproduced):
    assert ran(run(reproduced, "dvc", "repro")) == []
    assert run(reproduced, "git", "status", "--porcelain") == ""


def test_a_colleague_pulls_all_and_has_nothing_to_train(reproduced, tmp_path):
    theirs, remote = tmp_path / "theirs", str(tmp_path / "remote")
    run(tmp_path, "git", "clone", "--quiet", str(reproduced), str(theirs))
    assert not list(theirs.glob("data/*/*.*"))
    for folder, command in ((reproduced, "push"), (theirs, "pull")):
        run(folder, "dvc", "remote", "add", "--local", "--default", "team", remote)
        run(folder, "dvc", command)
    run(reproduced, "dvc", "remote", "remove", "--local", "team")
    outputs = {name: calls.digest(reproduced / name) for name in ("data", "reports")}
    assert {f"{name}/seed-111/generator.safetensors" for name in ("sine", "digits")} <= outputs["data"].keys()
    assert {name: calls.digest(theirs / name) for name in outputs} == outputs
    assert "Data and pipelines are up to date." in run(theirs, "dvc", "status")
    assert ran(run(theirs, "dvc", "repro")) == []
    assert run(theirs, "git", "status", "--porcelain") == ""


def test_a_change_of_parameters_or_of_a_stages_work_reruns_what_depends_on_it_and_nothing_else(reproduced):
    params = reproduced / "params.yaml"
    before = params.read_text()
    change = yaml.safe_load(before)
    change["sine"]["train"]["lr"] = 0.002
    params.write_text(yaml.safe_dump(change, sort_keys=False))
    # Those that follow are found out as they come: evaluate depends on what check writes of all parameters.
    assert changed(reproduced) == {"check", "train@sine-111"}
    params.write_text(before)

    with edited(reproduced, pipeline__sample="# one more line\n"):
        assert changed(reproduced) == stages("sample")
    with edited(reproduced, pipeline__train="# one more line\n"):
        assert changed(reproduced) == stages("train")
    assert changed(reproduced) == set()


def test_a_colour_draws_again_and_a_score_scores_again(reproduced):
    with edited(reproduced, gan__plots__style=("#3b6fb6", "#3b6fb7")):
        assert changed(reproduced) == stages("plot-data", "plot") | {"report"}
    with edited(reproduced, gan__evaluation__metrics="# one more line\n"):
        assert changed(reproduced) == stages("reference", "evaluate") | {"report"}


def test_the_machinery_reruns_nothing_nor_does_what_lies_beside_modules(reproduced):
    machinery = ("train", "tracking__run", "runtime__errors", "runtime__files", "tools__draw", "sweep__plan")
    room = reproduced / "stages" / "gan" / "training"
    names = (".loop.py.swp", "loop.py~", "#loop.py#", "4913", "loop.py.orig", "loop.ipynb", "loop.pyc")
    folders = ("__pycache__/loop.cpython-399.pyc", ".ipynb_checkpoints/loop-checkpoint.py")
    left = [*(room / name for name in (*names, *folders)), room.with_name("__pycache__") / "more.pyc"]
    with edited(reproduced, **dict.fromkeys(machinery, "# one more line\n")):
        for path in left:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"anything")
        (room / ".#loop.py").symlink_to("somebody@somewhere.1234:5678")  # Emacs locks a file so
        assert changed(reproduced) == set()
    for path in (*left, room / ".#loop.py"):
        path.unlink()


NETWORKS = '''
"""A pair more."""

import math

import torch
from torch import Tensor, nn

from stages.gan.core.params.types import Width


class ExtraGenerator(nn.Module):
    """One layer."""

    def __init__(self, latent: int, width: Width, shape: tuple[int, ...], weights: torch.Generator) -> None:
        super().__init__()
        self.layer = nn.Linear(latent, math.prod(shape))

    def forward(self, latents: Tensor) -> Tensor:
        """Latent points to samples."""
        return self.layer(latents)
'''
LOSS = '''
"""A loss more."""

from torch import Tensor


class ExtraLoss:
    """Wasserstein's."""

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """Of both."""
        return generated.mean() - real.mean()

    def generator(self, generated: Tensor) -> Tensor:
        """Of generated samples."""
        return -generated.mean()
'''
KNOWN = """
from stages.gan.core.params import declarations
print(*(f"{piece.name} {piece.kind}" for piece in declarations.read()), sep="\\n")
"""


def test_a_piece_more_reruns_nothing_and_an_edited_one_what_names_it(reproduced):
    def check() -> None:
        assert ran(run(reproduced, "dvc", "repro", "check")) == ["check"]

    def code() -> dict[str, str]:
        found = calls.digest(reproduced / "data" / "code")
        return {name: md5 for name, md5 in found.items() if md5 != "folder"}

    before = code()
    science = reproduced / "stages" / "gan"
    more = {science / "networks" / "extra.py": NETWORKS, science / "losses" / "extra.py": LOSS}
    for path, text in more.items():
        path.write_text(text)
        assert changed(reproduced) == {"check"}
    known = run(reproduced, sys.executable, "-c", KNOWN).splitlines()
    assert {"extra generator", "extra loss"} <= set(known)
    with edited(reproduced, gan__networks__conv="# one more line\n"):
        check()
        assert changed(reproduced) == set()
        now = code()
        assert {name for name in now if now[name] != before[name]} == {
            f"{name}/{stage}" for name in ("mnist_fast", "photographs") for stage in ("train", "sample")
        }  # fmt: skip
    for path in more:
        path.unlink()
    edits = {"gan__networks__mlp": "# one more line\n", "gan__sources__digits": "# one more line\n"}
    with edited(reproduced, **edits):
        check()
        assert changed(reproduced) == stages("train", "sample") | {"prepare@digits"}
    check()
    assert code() == before
    assert changed(reproduced) == set()
    assert run(reproduced, "git", "status", "--porcelain") == ""


def test_without_dvc_lock_and_outputs_all_comes_from_the_run_cache(reproduced, tmp_path):
    """But for the check, whose links to data are no output that the run cache takes."""
    folder = tmp_path / "clone"
    shutil.copytree(reproduced, folder, symlinks=True)
    before = {name: calls.digest(folder / name) for name in ("data", "reports")}
    (folder / "dvc.lock").unlink()
    for removed in ("data/sine", "data/code/sine", "reports/runs/sine"):
        shutil.rmtree(folder / removed)
    assert ran(run(folder, "dvc", "repro")) == ["check"]
    assert {name: calls.digest(folder / name) for name in before} == before
    assert changed(folder) == set()
    assert run(folder, "git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("lr: 0.001\n", "lr: fast\n", "params.yaml: sine.train.lr: should be a valid number, got 'fast'"),
        ("  train:\n", "  trian:\n", "params.yaml: sine.trian: no such parameter; did you mean train?"),
        ("- sine\n", "- snie\n", "params.yaml: experiments: no block named snie; there are sine, digits"),
        ("- sine\n", "- ../sine\n", "params.yaml: experiments: no block named ../sine"),
        (
            "    batch_size: 32\n    lr: 0.001\n",
            "    batch_size: 5000\n    lr: 0.001\n",
            "params.yaml: sine: train.batch_size: 5000 is more than the",
        ),
        (
            "inception: null\n",
            "inception: wieghts.pth\n",
            "params.yaml: digits.evaluate.inception: there is no file wieghts.pth",
        ),
        (
            "primary: null\n",
            "primary: curve_share_\n",
            "params.yaml: sine.evaluate.primary: runs have no score curve_share_ that says which is better",
        ),
        ("device: cpu\n", f"device: {ABSENT}\n", f"device: {ABSENT} is not available; this machine has cpu"),
    ],
)
def test_a_mistake_in_the_parameters_removes_nothing(reproduced, right, wrong, words):
    params, besides = (
        reproduced / "params.yaml",
        (".git", ".dvc/tmp", "params.yaml", "data/code", "data/sources"),
    )
    before = params.read_text()
    assert right in before
    all_files = calls.digest(reproduced, *besides)
    params.write_text(before.replace(right, wrong, 1))
    done = subprocess.run(
        ["dvc", "repro"], cwd=reproduced, env=pipeline.environment(), capture_output=True, text=True
    )
    params.write_text(before)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {words}")
    assert "Traceback" not in done.stderr
    assert calls.digest(reproduced, *besides) == all_files
    run(reproduced, "git", "restore", "data/sources")  # as the next `dvc repro` would


def test_a_second_clone_elsewhere_makes_the_same_bytes(reproduced, tmp_path):
    folder = tmp_path / "another working directory"
    run(tmp_path, "git", "clone", "--quiet", str(reproduced), str(folder))
    # All but the report, whose input and output are both in git.
    assert len(ran(run(folder, "dvc", "repro"))) == 13
    assert (folder / "dvc.lock").read_bytes() == (reproduced / "dvc.lock").read_bytes()
    assert run(folder, "git", "status", "--porcelain") == ""


def test_dvc_shows_experiments_by_a_few_columns(reproduced):
    header, *rows = csv.reader(io.StringIO(run_quietly(reproduced, "dvc", "exp", "show", "--csv")))
    columns = header[header.index("parent") + 1 : header.index("experiments")]
    assert {"sine.energy_distance", "sine.collapsed", "digits.fid_judge", "digits.seeds"} <= set(columns)
    assert len(columns) < 20
    assert rows[0][header.index("digits.seeds")] == "1"
    scores = json.loads(run_quietly(reproduced, "dvc", "metrics", "show", "--json"))
    (summary,) = (found["data"] for found in scores.values())
    assert [path for path, found in summary.items() if "data" in found] == ["reports/summary.json"]
    one = json.loads((reproduced / "reports/runs/digits/seed-111/metrics.json").read_text())
    assert summary["reports/summary.json"]["data"]["digits"]["fid_judge"] == one["fid_judge"]
    # A run's own scores are there for who asks for them.
    assert "class_share_3" in run(
        reproduced, "dvc", "metrics", "show", "reports/runs/digits/seed-111/metrics.json"
    )


def test_dvc_shows_a_page_of_charts_and_pictures(reproduced):
    run(reproduced, "dvc", "plots", "show", "--out", "dvc_plots")
    page = (reproduced / "dvc_plots" / "index.html").read_text()
    for words in ("Losses, one line for each seed", "Distances from real data", "sine, seed 111"):
        assert words in page
    assert "<DVC_METRIC" not in page
    assert "reports/runs/digits/seed-111/evolution.gif" in page
    assert run(reproduced, "git", "status", "--porcelain") == ""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium at hand")
def test_a_browser_puts_the_page_in_order(reproduced, tmp_path):
    run(reproduced, "dvc", "plots", "show", "--out", "dvc_plots")
    page = (reproduced / "dvc_plots" / "index.html").as_uri()
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    shown = run_quietly(reproduced, BROWSER, *arguments, "--host-resolver-rules=MAP * ~NOTFOUND", page)
    sections = re.findall(r"<h2>(.*?)</h2>", shown)
    assert sections == [
        "Samples of all runs from the same latent points",
        "digits",
        "sine",
        "The report's figures",
    ]
    assert shown.count("<details") == 3  # a run of each, and the figures
    digits = shown[shown.index("<h2>digits") : shown.index("<h2>sine")]
    pictures = re.findall(r"workspace_reports_runs_digits_(.*?)\"", digits)
    assert pictures == [
        "data.png",
        "judge.png",
        *(f"seed-111_{name}" for name in ("samples.png", "evolution.gif", "evolution.png", "coverage.png")),
    ]
    # There is no network: for losses, distances, shares, and the losses of each run.
    assert shown.count('<p class="note">This chart needs Vega') == 5


def test_the_store_can_be_lost_and_is_made_again_from_the_files(reproduced, tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path}/other.db"
    for stage in ("evaluate", "plot"):
        run(
            reproduced, sys.executable, "-m", f"stages.{stage}", "--experiment", "sine", "--seed", "111",
            MLFLOW_TRACKING_URI=uri, DVC_STAGE=f"{stage}@sine-111",
        )  # fmt: skip
    client = MlflowClient(uri)
    (found,) = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    generator = reproduced / "data" / "sine" / "seed-111" / "generator.safetensors"
    assert found.data.tags["dvc.generator"] == files.md5(generator)
    assert found.data.tags["source"] == "files"
    assert found.info.status == "FINISHED"
    assert [m.step for m in client.get_metric_history(found.info.run_id, "loss_g")] == [1, 2]
    assert "curve_distance" in found.data.metrics
    monkeypatch.chdir(reproduced)
    artifacts = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert {"checkpoints", "evolution.gif", "samples.png", "coverage.png"} <= artifacts
    assert run(reproduced, "git", "status", "--porcelain") == ""


def test_the_other_networks_losses_and_schedules_go_the_same_way(reproduced, tmp_path):
    params = yaml.safe_load((reproduced / "params.yaml").read_text())
    params["digits"]["generator"] = {
        "network": "conv",
        "latent": 16,
        "channels": [16, 8],
        "subpixel": True,
    }
    params["digits"]["discriminator"] = {
        "network": "conv",
        "channels": [8, 16],
        "subpixel": True,
        "spectral_norm": True,
    }
    params["digits"]["train"] |= {
        "loss": "hinge",
        "r1": 0.5,
        "penalty_every": 2,
        "ema": 0.9,
        "lr_decay": "cosine",
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (tmp_path / "data" / "digits").mkdir(parents=True)
    for name in ("dataset.safetensors", "judge.safetensors", "reference.safetensors"):
        shutil.copyfile(reproduced / "data" / "digits" / name, tmp_path / "data" / "digits" / name)
    for stage in ("train", "sample", "evaluate", "plot"):
        command = [sys.executable, "-m", f"stages.{stage}", "--experiment", "digits", "--seed", "1"]
        run(tmp_path, *command, PYTHONPATH=str(reproduced))
    samples = np.load(tmp_path / "data" / "digits" / "seed-1" / "samples.npy")
    assert samples.shape == (1200, 1, 8, 8)
    assert samples.std() > 0
    report = tmp_path / "reports" / "runs" / "digits" / "seed-1"
    assert json.loads((report / "metrics.json").read_text())["fid_judge"] > 0
    assert json.loads((report / "run.json").read_text())["parameters"]["train.ema"] == 0.9
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (found,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert found.data.params["train.loss"] == "hinge"
    assert found.data.params["discriminator.spectral_norm"] == "True"


def test_a_training_that_is_ended_is_marked_killed(reproduced, tmp_path):
    params = yaml.safe_load((reproduced / "params.yaml").read_text())
    params["sine"]["train"]["epochs"] = 100_000
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    (tmp_path / "data").symlink_to(reproduced / "data")
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "stages.train", "--experiment", "sine", "--seed", "7"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(reproduced)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert any(line.startswith("epoch 20/") for line in process.stdout)
    process.terminate()
    assert process.wait(timeout=60) == 143
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (found,) = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert found.info.status == "KILLED"
    assert len(client.get_metric_history(found.info.run_id, "loss_g")) >= 10
    assert not (reproduced / "data" / "sine" / "seed-7").exists()


def test_an_experiment_runs_what_its_lists_say(reproduced, request):
    experiments, environment = ["mnist"], {}
    try:
        environment["GAN_MIRROR"] = request.getfixturevalue("mnist_mirror")
    except pytest.skip.Exception:
        experiments = ["sine"]  # MNIST is not at hand
    output = run(
        reproduced, "dvc", "exp", "run", "--name", "two-seeds",
        "-S", f"experiments=[{','.join(experiments)}]", "-S", "seeds=[1,2]", "-S", "mnist.train.epochs=1",
        **environment,
    )  # fmt: skip
    of_runs = ("train", "sample", "evaluate", "plot")
    wanted = [f"{stage}@{name}-{seed}" for stage in of_runs for name in experiments for seed in (1, 2)]
    assert set(wanted) <= set(ran(output))
    assert "train@digits-111" not in ran(output)
    for name in experiments:
        for seed in (1, 2):
            assert (reproduced / "reports" / "runs" / name / f"seed-{seed}" / "metrics.json").exists()
    lock = yaml.safe_load((reproduced / "dvc.lock").read_text())["stages"]
    assert "train@digits-111" in lock  # not listed this time, but not forgotten
    client = MlflowClient(f"sqlite:///{reproduced}/mlflow.db")
    (found,) = client.search_runs(
        [client.get_experiment_by_name(experiments[0]).experiment_id],
        "tags.seed = '1'",
    )
    assert found.data.tags["dvc.experiment"] == "two-seeds"
    assert found.data.tags["git.changed"] == "params.yaml"
    assert (
        ", changed since (`changes.diff`)" in found.data.tags["mlflow.note.content"]
    )  # `plot` was here, too
    diff = Path(client.download_artifacts(found.info.run_id, "changes.diff")).read_text()
    assert re.search(r"^\+ +epochs: 1$", diff, re.MULTILINE)
    assert "two-seeds" in run(reproduced, "dvc", "exp", "show", "--csv")

    # What is not listed stays, and is not made again when it is listed once more.
    assert (reproduced / "reports" / "runs" / "digits" / "judge.json").exists()
    assert run(reproduced, "git", "status", "--porcelain", "--", "reports/runs/digits") == ""
    run(reproduced, "git", "restore", "params.yaml")
    again = ran(run(reproduced, "dvc", "repro"))
    assert set(again) <= {"check", "report"}
