import json
import shutil
from pathlib import Path

import pytest
import torch

from stages.gan.core import portability
from stages.gan.training import fingerprint as module
from stages.gan.training.fingerprint import fingerprint

CPU = torch.device("cpu")


def test_the_name_changes_with_all_that_the_numbers_depend_on(monkeypatch):
    def name(seed: int = 1, lr: float = 0.1) -> str:
        return fingerprint({"lr": lr, "seed": seed}, CPU)

    for limit in portability.LIMITS:
        monkeypatch.delenv(limit, raising=False)
    names = [name(), name(seed=2), name(lr=0.2)]
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    names.append(name())
    monkeypatch.setattr(torch, "__version__", "9")
    names.append(name())
    monkeypatch.setattr("stages.gan.core.devices.name", lambda _: "another CPU")
    names.append(name())
    assert len(set(names)) == len(names)
    assert name() == fingerprint(json.loads('{"seed": 1, "lr": 0.1}'), CPU)
    for limit, value in portability.LIMITS.items():
        monkeypatch.setenv(limit, value)
    limited = name()
    monkeypatch.setattr("stages.gan.core.devices.name", lambda _: "a third CPU")
    assert name() == limited  # as its bytes are the same
    assert limited not in names


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("core/layers.py", True),
        ("core/params/types.py", True),
        ("networks/base/registry.py", True),
        ("core/adam.py", True),
        ("training/loop.py", True),
        ("networks/mlp.py", False),  # the code of the pieces is in the settings
        ("losses/bce.py", False),
        ("custom.py", False),
        ("plots/figures.py", False),
        ("evaluation/metrics.py", False),
        ("sources/sine.py", False),
    ],
)
def test_the_code_of_the_rooms_that_compute_counts_and_no_other(path, counts, root, tmp_path, monkeypatch):
    copy = tmp_path / "gan"
    shutil.copytree(root / "stages" / "gan", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "_SCIENCE", copy)
    before = fingerprint({}, CPU)
    changed: Path = copy / path
    changed.write_text(changed.read_text() + "# changed\n")
    assert (fingerprint({}, CPU) != before) == counts
    changed.unlink()
    (changed.parent / "new.py").write_text("")
    assert (fingerprint({}, CPU) != before) == counts
