"""Own networks and losses, from params.yaml to the scores."""

import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks import pipeline
from benchmarks.torture import TorturedVictim
from stages.gan import declared
from tests import calls
from tests.test_kills import states, wait_for
from tests.test_pipeline import ran, run

NETWORKS = {
    "generator": {"network": "residual", "latent": 8, "width": 32},
    "discriminator": {"network": "residual", "width": 32, "dropout": 0.25},
}
LOSS = {"loss": "least_squares"}


def make(folder: Path, root: Path) -> dict[str, str]:
    """Run all stages of a small experiment; returns the sums of what they leave."""
    folder.mkdir()
    content = yaml.safe_load((root / "params.yaml").read_text())
    content["digits"] |= NETWORKS
    content["digits"]["train"] |= calls.SIZES | LOSS | {"ema": 0.9, "r1": 0.1, "r1_every": 4}
    content["digits"]["sample"]["count"] = 200
    content["digits"]["judge"]["epochs"] = 1
    content |= {"device": "cpu", "experiments": ["digits"], "seeds": [calls.SEED]}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    ended = calls.call(folder, "check", "--params", "params.yaml")
    assert ended.code == 0, ended
    for stage in ("prepare", "judge", *calls.OF_A_RUN):
        ended = calls.call(folder, stage, experiment="digits")
        assert ended.code == 0, ended
    return calls.digest(folder, ".state")


def test_own_networks_and_an_own_loss_go_all_the_way_and_always_leave_the_same_bytes(root, tmp_path):
    first = make(tmp_path / "first", root)
    assert make(tmp_path / "again", root) == first
    assert "reports/runs/digits/seed-7/metrics.json" in first
    code = (tmp_path / "first" / "data" / "code" / "digits").read_text()
    assert "def residual_generator" in code
    assert (tmp_path / "first" / "data" / "code" / "sine").read_text() == f"Nothing of {declared.PLACE}.\n"


def test_an_own_training_that_is_killed_ends_as_if_it_had_never_been(tmp_path):
    changes = {**NETWORKS, "train": {**LOSS, "epochs": 12, "ema": 0.9}}
    victim = TorturedVictim(tmp_path, "digits", changes, state_every=0.1)
    process, _ = victim.start()
    wait_for(lambda: len(states(victim.folder)) == 2)
    assert victim.kill(process, signal.SIGKILL, after=0, write=True)
