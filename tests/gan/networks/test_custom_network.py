"""Own networks in training: from the seed alone, kept whole, and tried beforehand."""

import pytest
import torch
import yaml
from torch import nn

from stages.gan.core import params, weights
from stages.gan.core.params import pieces
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import registry
from stages.gan.networks.base.custom_network import Dropout
from stages.gan.training import trial
from stages.gan.training.loop import Training
from stages.gan.training.losses import LOSSES
from stages.runtime.errors import UserError

CPU = torch.device("cpu")
SHAPE = (1, 8, 8)
HEAD = "import math, random, torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
PLAIN = (
    HEAD
    + """
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
    def discriminator(self, logits):
        real, generated = logits.chunk(2)
        return (generated - real).mean() + logits.square().mean()

    def generator(self, logits):
        return -logits.mean()
"""
)


@pytest.fixture(autouse=True)
def _one_thread():
    """Networks are tiny here: two threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def plain(write_own, root, tmp_path):
    """An experiment with the plain networks and loss, and changes of its block ``train``."""

    def plain(text: str = PLAIN, **train: object) -> params.Experiment:
        write_own(text)
        content = yaml.safe_load((root / "params.yaml").read_text())
        block = content["digits"]
        named = {found.kind for found in pieces.read()}
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


def train(experiment: params.Experiment, seed: int = 1) -> Training:
    return Training(experiment, SHAPE, seed=seed, device=CPU)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


REAL = torch.rand(40, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1
PREVIEW = torch.randn(4, 5, generator=torch.Generator().manual_seed(2))


def test_initial_weights_come_from_the_seed_and_nothing_is_drawn_from_the_global_generator(plain):
    experiment = plain()
    before = torch.get_rng_state()
    first, again, other = (train(experiment, seed) for seed in (1, 1, 2))
    assert same(first.state_dict(), again.state_dict())
    assert not torch.equal(first.generator.network[0].weight, other.generator.network[0].weight)
    previews = []
    for gan in (first, again):
        previews.append([epoch.preview for epoch in gan.epochs(REAL, PREVIEW)])
        torch.rand(3)  # whatever else draws from the global one
        torch.set_rng_state(before)
    assert all(torch.equal(a, b) for a, b in zip(*previews, strict=True))
    assert same(first.state_dict(), again.state_dict())
    assert first.state_dict()["generator.network.1.num_batches_tracked"] == 30


def test_a_training_goes_on_bit_for_bit_with_buffers_and_both_networks_masks(plain):
    experiment = plain()
    kept: list[tuple[dict[str, torch.Tensor], int, int]] = []
    whole, halfway = train(experiment), train(experiment)

    def keep() -> None:
        state = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
        kept.append((state, whole.epoch, whole.step))

    for _ in whole.epochs(REAL, PREVIEW, keep):
        pass
    state, epoch, step = kept[5]
    assert {"masks", "masks_g", "average.module.network.1.running_mean"} <= state.keys()
    halfway.load_state_dict(state, epoch, step)
    for _ in halfway.epochs(REAL, PREVIEW):
        pass
    assert same(whole.state_dict(), halfway.state_dict())


def test_a_preview_changes_nothing_of_a_training(plain):
    gan = train(plain(ema=0))
    before = {name: tensor.clone() for name, tensor in gan.state_dict().items()}
    epochs = gan.epochs(REAL, PREVIEW)
    first = next(epochs)
    state = gan.state_dict()
    assert gan.generator.training
    assert state["generator.network.1.num_batches_tracked"] == 10  # two a step, and five steps
    assert not same(before, state)
    assert first.preview.dtype == torch.uint8


def test_files_keep_networks_with_all_their_buffers(plain, tmp_path):
    gan = train(plain())
    for _ in gan.epochs(REAL, PREVIEW):
        pass
    path = tmp_path / "generator.safetensors"
    weights.save(path, gan.generator_ema, {"seed": 1})
    found, about = weights.load(path, registry.GENERATORS, CPU)
    assert about["architecture"] == {"network": "plain", "latent": 5, "width": 8, "shape": [1, 8, 8]}
    assert same(found.state_dict(), gan.generator_ema.state_dict())
    assert torch.equal(found(PREVIEW), gan.generator_ema.eval()(PREVIEW))
    weights.save(path, gan.discriminator, {})
    assert weights.load(path, registry.DISCRIMINATORS, CPU)[0](REAL).shape == (40, 1)
    with pytest.raises(UserError, match="not a readable network of this project"):
        weights.load(path, registry.GENERATORS, CPU)


@pytest.mark.parametrize(("whole", "shape"), [(None, (6, 3, 4, 4)), (2, (6, 3, 4, 4)), (None, (6, 3))])
def test_dropout_draws_for_whole_batches_of_which_a_process_takes_its_rows(whole, shape):
    def dropped(rows: slice) -> torch.Tensor:
        layer = Dropout(0.5, whole, random_generator(3, "m"), rows)
        return layer(torch.ones(shape)[rows])

    everything = dropped(slice(0, None, 1))
    assert torch.equal(dropped(slice(1, None, 2)), everything[1::2])
    assert set(everything.unique().tolist()) == {0.0, 2.0}
    if whole == 2:
        assert (everything.flatten(2).amax(2) == everything.flatten(2).amin(2)).all()
    assert torch.equal(Dropout(0.5, whole, None, slice(0, None, 1)).eval()(everything), everything)


def test_what_can_be_trained_passes_the_trial_and_is_not_changed_by_it(plain):
    before = torch.get_rng_state()
    trial.check(plain(), SHAPE)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def plain_generator(latent, shape): return 3", "line 4: plain_generator: must give a torch.nn.Mod"),
        ("def plain_generator(latent, shape): return nn.Tanh()", "has no parameters"),
        ("def plain_generator(latent, shape): return nn.Linear(latent, 7)", "must give samples [3, 1, 8, 8]"),
        ("def plain_generator(latent, shape): return nn.Linear(4, 7)", "plain_generator: RuntimeError: "),
        (
            "def plain_generator(latent, shape):\n  x = 1\n  return x.y",
            "own.py, line 6: plain_generator: Attr",
        ),
        (
            "def plain_generator(latent, shape):\n"
            "  return nn.Sequential(nn.Linear(latent, 64), nn.Unflatten(1, shape))",
            "images must be in [-1, 1]; end it with nn.Tanh()",
        ),
        (
            "def plain_discriminator(shape): return nn.Conv2d(1, 1, 3)",
            "must give logits [3, 1] for [3, 1, 8,",
        ),
        ("def plain_discriminator(shape): return nn.LazyLinear(1)", "lazy layers cannot be kept in files"),
        (
            "def plain_discriminator(shape):\n"
            "  return nn.Sequential(nn.Flatten(), nn.RReLU(), nn.Linear(64, 1))",
            "draws from PyTorch's global random generator in forward",
        ),
        (
            "def plain_discriminator(shape):\n"
            "  made = nn.Linear(64, 1)\n"
            "  made.weight.data *= random.random()\n"
            "  return nn.Sequential(nn.Flatten(), made)",
            "made twice from one seed, gives different numbers",
        ),
        (
            "def plain_discriminator(shape): return nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).double()",
            "must be of float32, not torch.float64",
        ),
        (
            "def plain_discriminator(shape):\n"
            "  made = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))\n"
            "  made.more = made[1]\n"
            "  return made",
            "two of its tensors are one in memory",
        ),
        (
            "class PlainDiscriminator(nn.Module):\n"
            "  def __init__(self, shape):\n"
            "    super().__init__()\n"
            "    self.a, self.b = nn.Linear(64, 1), nn.Linear(64, 1)\n"
            "  def forward(self, x): return self.a(x.flatten(1))",
            "b.weight: is not used in forward",
        ),
        (
            "def plain_discriminator(shape):\n"
            "  return nn.Sequential(nn.Flatten(), nn.Linear(64, 1).requires_grad_(False))",
            "1.weight: is not to be learned; keep it by register_buffer",
        ),
        (
            "class PlainLoss:\n  def discriminator(self, x): return x\n  def generator(self, x): return x",
            "PlainLoss: discriminator must give one number",
        ),
        (
            "class PlainLoss:\n"
            "  def discriminator(self, x): return x.mean()\n"
            "  def generator(self, x): return x.maen()",
            "own.py, line 6: PlainLoss: AttributeError",
        ),
        (
            "class PlainLoss:\n"
            "  def discriminator(self, x): return (x * torch.rand(())).mean()\n"
            "  def generator(self, x): return x.mean()",
            "PlainLoss: discriminator draws from PyTorch's global random generator",
        ),
        (
            "class PlainLoss:\n"
            "  def __init__(self, x): ...\n"
            "  def discriminator(self, x): return x.mean()\n"
            "  def generator(self, x): return x.mean()",
            "PlainLoss: TypeError: PlainLoss.__init__() missing 1 required positional argument",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(plain, text, words):
    with pytest.raises(UserError) as refused:
        trial.check(plain(HEAD + text), SHAPE)
    assert words in str(refused.value)
    assert str(refused.value).startswith("stages/gan/own.py, line ")


def test_batch_normalisation_needs_one_process(plain):
    with pytest.raises(UserError, match="BatchNorm1d needs whole batches, and each of 2 processes has but a"):
        trial.check(plain(processes=2), SHAPE)


def test_the_loss_that_own_py_comes_with_is_least_squares():
    loss = LOSSES["least_squares"]()
    logits = torch.tensor([[3.0], [1.0], [0.0], [2.0]])
    assert loss.discriminator(logits).item() == pytest.approx((4 + 0) / 2 / 2 + (0 + 4) / 2 / 2)
    assert loss.generator(torch.tensor([[0.0], [3.0]])).item() == pytest.approx((1 + 4) / 2 / 2)


def test_contiguous_in_memory_is_what_the_optimizer_needs(plain):
    text = PLAIN + (
        "\ndef other_discriminator(shape):\n"
        "  made = nn.Linear(64, 1)\n  made.weight = nn.Parameter(torch.zeros(64, 1).t())\n"
        "  return nn.Sequential(nn.Flatten(), made, nn.Linear(1, 1))\n"
    )
    plain(text)
    made = registry.DISCRIMINATORS["other"](shape=SHAPE, weights=random_generator(1, "d"))
    assert all(parameter.is_contiguous() for parameter in made.parameters())
    assert isinstance(made.network[1], nn.Linear)
