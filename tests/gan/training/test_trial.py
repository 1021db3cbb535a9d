"""Custom networks and losses are tried before a training."""

import re

import pytest
import torch

from stages.gan.training import trial
from stages.gan.training.batches import Real
from stages.gan.training.loop import Training
from stages.gan.training.losses import get_loss
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
            "images must be in [-1, 1], but it gives numbers up to",
        ),
        (
            "def plain_generator(latent, shape):\n"
            "  return nn.Sequential(nn.Linear(latent, 64), nn.Sigmoid(), nn.Unflatten(1, shape))",
            "images must be in [-1, 1], but it gives only numbers from 0 to 1; end it with nn.Tanh()",
        ),
        (
            "def plain_discriminator(shape): return nn.Conv2d(1, 1, 3)",
            "must give logits [3, 1] for [3, 1, 8,",
        ),
        ("def plain_discriminator(shape): return nn.LazyLinear(1)", "lazy layers cannot be saved"),
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
            "two of its tensors share their memory",
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
            "1.weight: has requires_grad=False; a tensor that is not learned belongs in register_buffer",
        ),
        (
            "class PlainLoss:\n"
            "  def discriminator(self, real, generated): return real\n"
            "  def generator(self, generated): return generated",
            "PlainLoss: discriminator must give one number",
        ),
        (
            "class PlainLoss:\n"
            "  def discriminator(self, real, generated): return real.mean() - generated.mean()\n"
            "  def generator(self, generated): return generated.maen()",
            "custom.py, line 6: PlainLoss: AttributeError",
        ),
        (
            "class PlainLoss:\n"
            "  def discriminator(self, real, generated): return (real * torch.rand(())).mean()\n"
            "  def generator(self, generated): return generated.mean()",
            "PlainLoss: discriminator draws from PyTorch's global random generator",
        ),
        (
            "class PlainLoss:\n"
            "  def __init__(self, x): ...\n"
            "  def discriminator(self, real, generated): return real.mean() - generated.mean()\n"
            "  def generator(self, generated): return generated.mean()",
            "PlainLoss: x needs a type to check params.yaml against",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(plain, text, words):
    with pytest.raises(UserError) as refused:
        trial.check(plain(text), SHAPE)
    assert words in str(refused.value)
    assert str(refused.value).startswith("stages/gan/custom.py, line ")


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("nn.Sigmoid()", "must give logits, which may be any numbers, but gives only numbers from 0 to 1"),
        ("nn.Tanh()", "gives only numbers from -1 to 1"),
        ("nn.Softplus()", "gives no negative numbers"),
        ("nn.LogSigmoid()", "gives no positive numbers"),
    ],
)
@pytest.mark.parametrize("width", [1, 256])
def test_a_discriminator_gives_logits_but_to_a_custom_loss(plain, end, words, width):
    text = f"""
def plain_discriminator(shape):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, {width}), nn.ReLU(), nn.Dropout(0.3), nn.Linear({width}, 1), END
    )
"""
    with pytest.raises(UserError, match=re.escape(words)):
        trial.check(plain(text.replace("END", end)), SHAPE)
    trial.check(plain(text.replace(", END", "")), SHAPE)
    probabilities = """
class PlainLoss:
    def discriminator(self, real, generated): return (generated - real).mean()
    def generator(self, generated): return -generated.mean()
"""
    trial.check(plain(text.replace("END", end) + probabilities), SHAPE)


def test_a_discriminator_may_add_noise_that_comes_from_the_seed(plain):
    noisy = """
from stages.gan.core.layers import RandomLayer
class Noise(RandomLayer):
    def forward(self, x):
        return x + 0.1 * self.random.normal(*x.shape) if self.training else x
def plain_discriminator(shape): return nn.Sequential(nn.Flatten(), Noise(), nn.Linear(64, 1))
"""
    params = plain(noisy)
    trial.check(params, SHAPE)
    first, again, other = (
        Training(params, SHAPE, seed=seed, device=torch.device("cpu")) for seed in (1, 1, 2)
    )
    images = Real(torch.zeros(16, *SHAPE))
    losses = [
        [e.loss_d for e in gan.epochs(images, torch.zeros(1, gan.latent))] for gan in (first, again, other)
    ]
    assert losses[0] == losses[1] != losses[2]


TOLD = """
class PlainDiscriminator(nn.Module):
    def __init__(self, shape, classes: int):
        super().__init__()
        self.maps, self.told = nn.Linear(64, 8), nn.Linear(classes, 8)
        self.last = nn.Linear(8, 1)

    def forward(self, x, classes):
        return self.last(F.relu(self.maps(x.flatten(1)) + self.told(classes)))
"""


def test_a_discriminator_that_is_told_the_class_is_given_one(plain):
    params = plain(TOLD, condition=True)
    trial.check(params, SHAPE)
    gan = Training(params, SHAPE, seed=1, device=torch.device("cpu"), counts=[8, 8])
    images = Real(torch.zeros(16, *SHAPE), torch.arange(16) % 2)
    assert len(list(gan.epochs(images, torch.zeros(1, gan.latent)))) == 3
    wrong = (
        (("+ self.told(classes)", ""), "told.weight: is not used in forward"),
        (("self.last(F.relu(", "(F.relu("), "must give logits"),
        (("self.last(F.relu(", "F.sigmoid(self.last("), "must give logits, which may be any numbers"),
        (("def forward(self, x, classes)", "def forward(self, x)"), "TypeError"),
    )
    for (right, other), words in wrong:
        with pytest.raises(UserError, match=words):
            trial.check(plain(TOLD.replace(right, other), condition=True), SHAPE)


def test_a_loss_of_the_old_kind_is_told_what_the_new_one_is(plain):
    old = "class PlainLoss:\n  def discriminator(self, logits): ...\n  def generator(self, logits): ..."
    with pytest.raises(
        UserError, match=r"discriminator takes \(logits\), but a loss is given the logits of real"
    ):
        trial.check(plain(old), SHAPE)


def test_a_loss_takes_parameters_of_train(plain):
    text = (
        "class PlainLoss:\n"
        "  def __init__(self, margin: float = 1.0): self.margin = margin\n"
        "  def discriminator(self, real, generated): return self.margin * real.mean() - generated.mean()\n"
        "  def generator(self, generated): return generated.mean()"
    )
    for given, wanted in (({}, 1.0), ({"margin": 3.0}, 3.0)):
        params = plain(text, **given)
        trial.check(params, SHAPE)
        assert get_loss(params.loss, params.train).margin == wanted


def test_batch_normalisation_needs_one_process(plain):
    with pytest.raises(UserError, match="BatchNorm1d needs whole batches, but each of 2 processes has only"):
        trial.check(plain(processes=2), SHAPE)


def test_a_loss_of_several_processes_is_a_mean_over_samples(plain):
    average = (
        "class PlainLoss:\n"
        "  def discriminator(self, real, generated): return F.softplus(generated.mean() - real).mean()\n"
        "  def generator(self, generated): return -generated.mean()\n"
    )
    trial.check(plain(average), SHAPE)
    with pytest.raises(
        UserError, match="discriminator is not a mean over the samples, but each of 2 processes"
    ):
        trial.check(plain(average, processes=2), SHAPE)
    mean = average.replace("generated.mean() - real", "generated - real")
    trial.check(plain(mean, processes=2), SHAPE)
