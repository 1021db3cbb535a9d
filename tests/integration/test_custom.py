"""Custom networks, losses and data sources, from params.yaml to the scores."""

import re
import signal
from pathlib import Path

import pytest
import torch
import yaml

from benchmarks.torture import TorturedVictim
from stages.gan.core import params
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import declarations, pieces
from stages.gan.training import resumable
from stages.runtime import paths
from tests import calls
from tests.integration.test_kills import checkpoints, wait_for
from tests.integration.test_pipeline import ran, run

NETWORKS = {
    "generator": {"network": "resmlp", "latent": 8, "width": 32},
    "discriminator": {"network": "resmlp", "width": 32, "dropout": 0.25},
}
LOSS = {"loss": "relativistic_average"}


def write_params(folder: Path, **train: object) -> None:
    """Parameters of a small experiment, digits, with custom networks and a custom loss."""
    content = yaml.safe_load(calls.PARAMS.read_text())
    content["digits"] = content.pop("digits_classic") | NETWORKS
    content["digits"]["train"] |= calls.SIZES | LOSS | {"batch_size": 512, **train}
    content["digits"]["sample"]["count"] = 200
    content["digits"]["judge"]["epochs"] = 1
    content |= {"device": "cpu", "experiments": ["digits"], "seeds": [calls.SEED], "threads": 1}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def call(folder: Path, *stages: str) -> None:
    for stage in stages:
        ended = calls.call(folder, stage, experiment="digits")
        assert ended.code == 0, ended


def test_custom_networks_and_a_custom_loss_go_all_the_way_and_leave_the_same_bytes(root, tmp_path):
    write_params(tmp_path, ema=0.9, r1=0.1, penalty_every=4)
    call(tmp_path, "prepare", "judge", "reference", *calls.OF_A_RUN)
    files = paths.RunFiles("digits", calls.SEED)
    assert (tmp_path / files.scores).exists()
    first = calls.digest(tmp_path, ".checkpoints")
    for file in (files.generator, files.discriminator, files.samples):
        (tmp_path / file).unlink()
    call(tmp_path, "train", "sample")
    assert calls.digest(tmp_path, ".checkpoints") == first
    content = yaml.safe_load((tmp_path / "params.yaml").read_text())
    content["digits"]["generator"]["width"] = 33
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    calls.assert_refused(
        calls.call(tmp_path, "sample", experiment="digits"),
        "generator.safetensors: width is 32, but generator in the parameters and the data need 33",
    )


def test_a_custom_training_that_is_killed_ends_as_if_it_had_never_been(tmp_path):
    changes = {**NETWORKS, "train": {**LOSS, "epochs": 8, "ema": 0.9}}
    victim = TorturedVictim(tmp_path, "digits_classic", changes, 0.1, calls.PARAMS)
    process, _ = victim.start()
    wait_for(lambda: len(checkpoints(victim.folder)) == 2)
    assert victim.kill(process, signal.SIGKILL, after=0, write=True)
    process, _ = victim.start()
    assert process.wait(timeout=120) == 0
    assert victim.sums() == victim.undisturbed


SOURCE = """
import torch

from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.randomness import generator
from stages.gan.core.source import Source


class CircleSource(Source):
    kind = "points"
    shape = (2,)

    def __init__(self, *, points: int, seed: int = 111) -> None:
        self.counts = (points, points)
        self._points, self._seed = points, seed

    def load(self, raw, show=lambda items, _: items):
        return Dataset(*(Split(self._drawn(split)) for split in ("train", "test")))

    def _drawn(self, split):
        angle = 6.283 * torch.rand(self._points, generator=generator(self._seed, "circle", split))
        return torch.stack([angle.cos(), angle.sin()], dim=1)
"""


def test_a_custom_data_source_goes_all_the_way(tmp_path, write_custom):
    write_custom(SOURCE)
    content = yaml.safe_load(calls.PARAMS.read_text())
    content["digits"] = content["sine"] | {"data": {"source": "circle", "points": 64}}
    content["digits"]["train"] |= calls.SIZES
    content["digits"]["sample"]["count"] = 200
    content["digits"]["judge"]["epochs"] = 1
    content |= {"device": "cpu", "experiments": ["digits"], "seeds": [calls.SEED], "threads": 1}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    assert calls.call(tmp_path, "check", "--params", "params.yaml").code == 0
    call(tmp_path, "prepare", "judge", "reference", *calls.OF_A_RUN)
    for stage in ("train", "sample"):
        assert "class CircleSource" not in (tmp_path / "data" / "code" / "digits" / stage).read_text()
    assert "class CircleSource" in (tmp_path / "data" / "code" / "digits" / "prepare").read_text()
    dataset = Dataset.load(tmp_path / "data" / "digits" / "dataset.safetensors")
    assert dataset.train.samples.norm(dim=1).numpy() == pytest.approx(1, abs=1e-5)
    assert (tmp_path / paths.RunFiles("digits", calls.SEED).scores).exists()

    calls.change(tmp_path, digits__data__points=8)
    calls.assert_refused(
        calls.call(tmp_path, "check", "--params", "params.yaml"),
        "params.yaml: digits: train.batch_size: 16 is more than the 8 training samples there are",
    )


def test_other_code_does_not_go_on_from_the_checkpoints_of_a_training(root, tmp_path, write_custom):
    text = (root / declarations.CUSTOM_PLACE).read_text()
    write_custom(text)
    write_params(tmp_path)

    def folder() -> Path:
        experiment = params.load(tmp_path / "params.yaml").experiments["digits"]
        code = pieces.code(experiment.trained_pieces)
        store = resumable.checkpoint_store(
            tmp_path, 10, experiment, calls.SEED, {"threads": 1}, "of the data", code, torch.device("cpu")
        )
        return store._folder

    before = folder()
    write_custom(f"{text}\n\ndef another_generator(latent, shape): ...\n")
    assert folder() == before
    write_custom(text.replace(".mean()) / 2", ".mean()) / 3"))
    assert folder() != before


def test_an_edit_trains_again_what_uses_it_and_nothing_else(root, tmp_path):
    calls.checkout(tmp_path)
    write_params(tmp_path)
    target, custom = f"train@digits-{calls.SEED}", tmp_path / declarations.CUSTOM_PLACE
    assert ran(run(tmp_path, "dvc", "repro", target)) == ["check", "prepare@digits", target]
    text = custom.read_text()
    custom.write_text(f"{text}\n\ndef another_generator(latent, shape): ...\n")
    assert ran(run(tmp_path, "dvc", "repro", target)) == ["check"]
    custom.write_text(text.replace(".mean()) / 2", ".mean()) / 3"))
    assert ran(run(tmp_path, "dvc", "repro", target)) == ["check", target]


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("        nn.Unflatten(1, shape),\n", "", "resmlp_generator: must give samples [3, 1, 8, 8]"),
        (
            "width: int = 128",
            "width",
            "stages/gan/custom.py, line 25: resmlp_generator: width needs a type",
        ),
        (
            "class RelativisticAverage",
            "class Average",
            "digits.train.loss: should be 'bce', 'hinge', 'least_squares', 'relativistic', 'wasserstein' or "
            "'average', got 'relativistic_average'",
        ),
    ],
)
def test_a_mistake_in_custom_py_is_reported_before_anything_runs(
    root, tmp_path, write_custom, right, wrong, words
):
    text = (root / declarations.CUSTOM_PLACE).read_text()
    assert right in text
    write_custom(text.replace(right, wrong, 1))
    write_params(tmp_path)
    ended = calls.call(tmp_path, "check", "--params", "params.yaml")
    calls.assert_refused(ended, words)
    assert not (tmp_path / "data").exists()


def test_the_code_in_the_docs_is_that_of_custom_py_and_short(root):
    page = (root / "docs" / "custom-code.md").read_text()
    found = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    blocks = [block for block in found if "import" not in block]  # the others are files of one's own
    assert len(blocks) == 2
    for block in blocks:
        assert block in (root / declarations.CUSTOM_PLACE).read_text()
        assert len(block.splitlines()) <= 15
