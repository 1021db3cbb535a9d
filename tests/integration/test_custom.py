"""Own networks and losses, from params.yaml to the scores."""

import re
import signal
from pathlib import Path

import pytest
import torch
import yaml
from tests.test_kills import states, wait_for
from tests.test_pipeline import ran, run

from benchmarks import pipeline
from benchmarks.torture import TorturedVictim
from stages.tracking.store import Store
from stages.gan.core import params
from stages.gan.core.params import pieces
from stages.gan.training import resumable
from stages.runtime import command, paths
from tests import calls

NETWORKS = {
    "generator": {"network": "residual", "latent": 8, "width": 32},
    "discriminator": {"network": "residual", "width": 32, "dropout": 0.25},
}
LOSS = {"loss": "least_squares"}


def write_params(folder: Path, root: Path, **train: object) -> None:
    """Parameters of a small experiment, digits, with own networks and an own loss."""
    content = yaml.safe_load((root / "params.yaml").read_text())
    content["digits"] |= NETWORKS
    content["digits"]["train"] |= calls.SIZES | LOSS | {"batch_size": 512, **train}
    content["digits"]["sample"]["count"] = 200
    content["digits"]["judge"]["epochs"] = 1
    content |= {"device": "cpu", "experiments": ["digits"], "seeds": [calls.SEED], "threads": 1}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def call(folder: Path, *stages: str) -> None:
    for stage in stages:
        ended = calls.call(folder, stage, experiment="digits")
        assert ended.code == 0, ended


def test_own_networks_and_an_own_loss_go_all_the_way_and_leave_the_same_bytes(root, tmp_path):
    write_params(tmp_path, root, ema=0.9, r1=0.1, r1_every=4)
    call(tmp_path, "prepare", "judge", "train", "sample", "evaluate")
    files = paths.RunFiles("digits", calls.SEED)
    assert (tmp_path / files.scores).exists()
    first = calls.digest(tmp_path)
    for file in (files.generator, files.discriminator, files.samples):
        (tmp_path / file).unlink()
    call(tmp_path, "train", "sample")
    assert calls.digest(tmp_path) == first
    content = yaml.safe_load((tmp_path / "params.yaml").read_text())
    content["digits"]["generator"]["width"] = 33
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    calls.assert_refused(
        calls.call(tmp_path, "sample", experiment="digits"),
        "generator.safetensors: width is 32, but 33 is what generator in the parameters",
    )


def test_an_own_training_that_is_killed_ends_as_if_it_had_never_been(tmp_path):
    changes = {**NETWORKS, "train": {**LOSS, "epochs": 8, "ema": 0.9}}
    victim = TorturedVictim(tmp_path, "digits", changes, state_every=0.1)
    process, _ = victim.start()
    wait_for(lambda: len(states(victim.folder)) == 2)
    assert victim.kill(process, signal.SIGKILL, after=0, write=True)
    process, _ = victim.start()
    assert process.wait(timeout=120) == 0
    assert victim.sums() == victim.undisturbed


def test_other_code_does_not_go_on_from_the_states_of_a_training(root, tmp_path, monkeypatch):
    text = pieces.PATH.read_text()
    own = tmp_path / "own.py"
    monkeypatch.setattr(declared, "PATH", own)
    monkeypatch.setattr(tracking, "md5", lambda path: path.name)
    own.write_text(text)
    write_params(tmp_path, root)

    def key() -> str:
        known = params.load(tmp_path / "params.yaml")
        shared, files = paths.ExperimentFiles("digits"), paths.RunFiles("digits", calls.SEED)
        store = Store(paths.STORE, paths.OUTBOX)
        job = command.RunJob(
            "digits", known.settings, known.experiments["digits"], shared, store, calls.SEED, files
        )
        return resumable._key(job, torch.device("cpu"))

    before = key()
    own.write_text(f"{text}\n\ndef another_generator(latent, shape): ...\n")
    assert key() == before
    own.write_text(text.replace("(logits - 1)", "(logits - 2)"))
    assert key() != before


def test_an_edit_trains_again_what_uses_it_and_nothing_else(root, tmp_path):
    pipeline.checkout(tmp_path)
    write_params(tmp_path, root)
    target, own = f"train@digits-{calls.SEED}", tmp_path / "stages" / "gan" / "own.py"
    assert ran(run(tmp_path, "dvc", "repro", target)) == ["check", "prepare@digits", target]
    text = own.read_text()
    own.write_text(f"{text}\n\ndef another_generator(latent, shape): ...\n")
    assert ran(run(tmp_path, "dvc", "repro", target)) == ["check"]
    own.write_text(text.replace("(logits - 1)", "(logits - 0.9)"))
    assert ran(run(tmp_path, "dvc", "repro", target)) == ["check", target]


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("        nn.Unflatten(1, shape),\n", "", "residual_generator: must give samples [3, 1, 8, 8]"),
        ("width: int = 128", "width", "stages/gan/own.py, line 24: residual_generator: width needs a type"),
        (
            "class LeastSquares",
            "class Squares",
            "digits.train.loss: should be 'bce', 'hinge' or 'squares', got 'least_sq",
        ),
    ],
)
def test_a_mistake_in_own_py_is_told_before_anything_runs(root, tmp_path, monkeypatch, right, wrong, words):
    text = pieces.PATH.read_text()
    monkeypatch.setattr(declared, "PATH", tmp_path / "own.py")
    (tmp_path / "own.py").write_text(text.replace(right, wrong, 1))
    write_params(tmp_path, root)
    ended = calls.call(tmp_path, "check", "--params", "params.yaml")
    calls.assert_refused(ended, words)
    assert not (tmp_path / "data").exists()


def test_the_code_in_the_docs_is_that_of_own_py_and_short(root):
    page = (root / "docs" / "own-networks.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert block in pieces.PATH.read_text()
        assert len(block.splitlines()) <= 15
