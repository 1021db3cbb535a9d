"""An experiment with networks and a loss of custom.py."""

from collections.abc import Callable, Iterator

import pytest
import torch
import yaml

from stages.gan.core import params
from stages.gan.core.params import declarations
from tests import calls

HEAD = "import math, random, torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
PLAIN = """
def plain_generator(latent: int, shape, width: int = 8):
    return nn.Sequential(
        nn.Linear(latent, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(width, math.prod(shape)), nn.Tanh(), nn.Unflatten(1, shape),
    )

class PlainDiscriminator(nn.Module):
    def __init__(self, shape, width: int = 4):
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(1, width, 3, 2), nn.BatchNorm2d(width), nn.Dropout2d(0.2))
        self.end = nn.utils.parametrizations.spectral_norm(nn.Linear(width * 9, 1))

    def forward(self, x):
        return self.end(self.maps(x).flatten(1))

class PlainLoss:
    def discriminator(self, real, generated):
        return (generated - real).mean() + torch.cat([real, generated]).square().mean()

    def generator(self, generated):
        return -generated.mean()
"""


@pytest.fixture
def _one_thread() -> Iterator[None]:
    """Networks are tiny here: two threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def plain(_one_thread, write_custom, tmp_path) -> Callable[..., params.Experiment]:
    """An experiment with the plain networks and loss, or others, and changes of its block ``train``."""

    def plain(text: str = PLAIN, **train: object) -> params.Experiment:
        write_custom(HEAD + text)
        content = yaml.safe_load(calls.PARAMS.read_text())
        block = content["digits"] = content["digits_classic"]
        named = {found.kind for found in declarations.read() if found.is_custom}
        if "generator" in named:
            block["generator"] = {"network": "plain", "latent": 5}
        if "discriminator" in named:
            block["discriminator"] = {"network": "plain"}
        block["train"] |= {"batch_size": 8, "epochs": 3, "ema": 0.9, "r1": 0.1, **train}
        if "loss" in named:
            block["train"]["loss"] = "plain"
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return params.load(tmp_path / "params.yaml").experiments["digits"]

    return plain
