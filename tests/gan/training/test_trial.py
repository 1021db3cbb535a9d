"""Custom networks and losses are tried before a training."""

import pytest
import torch

from stages.gan.training import trial
from stages.runtime.errors import UserError

SHAPE = (1, 8, 8)


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
            "custom.py, line 6: plain_generator: Attr",
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
            "custom.py, line 6: PlainLoss: AttributeError",
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
        trial.check(plain(text), SHAPE)
    assert words in str(refused.value)
    assert str(refused.value).startswith("stages/gan/custom.py, line ")


def test_batch_normalisation_needs_one_process(plain):
    with pytest.raises(UserError, match="BatchNorm1d needs whole batches, and each of 2 processes has but a"):
        trial.check(plain(processes=2), SHAPE)
