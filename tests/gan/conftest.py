from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stages.gan.core import weights
from stages.gan.core.datasets import Split
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.mlp import MlpGenerator


@pytest.fixture
def points() -> Split:
    return Split(torch.rand(50, 2, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def images() -> Split:
    noise = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat(8)
    return Split(torch.randint(0, 256, (80, 1, 8, 8), generator=noise, dtype=torch.uint8), labels)


@pytest.fixture(params=["points", "images"])
def split(request) -> Split:
    return request.getfixturevalue(request.param)


@pytest.fixture
def generator_file(tmp_path) -> Path:
    """A small generator of points, never trained, of the experiment sine with seed 7."""
    path = tmp_path / "generator.safetensors"
    network = MlpGenerator(2, [4], (2,), random_generator(7, "generator"))
    weights.save(path, network, {"experiment": "sine", "seed": 7, "device": "cpu"})
    return path


@pytest.fixture
def write_own(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Puts a text in the place of own.py."""
    monkeypatch.setattr(declared, "PATH", tmp_path / "own.py")

    def write(text: str) -> None:
        (tmp_path / "own.py").write_text(text)

    return write
