import math

import pytest
import torch
from torch import nn

from stages.gan.networks import Discriminator, Dropout, Generator
from stages.gan.randomness import generator as random_generator


def widths(network: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]


def kinds(network: nn.Module) -> list[str]:
    return [type(m).__name__ for m in network.layers]


def test_the_sine_networks_are_the_classic_ones():
    generator = Generator(2, [16, 32], (2,), random_generator(1, "g"))
    assert widths(generator) == [(2, 16), (16, 32), (32, 2)]
    assert kinds(generator) == ["Linear", "ReLU", "Linear", "ReLU", "Linear", "Identity"]
    discriminator = Discriminator((2,), [256, 128, 64], 0.3, random_generator(1, "d"))
    assert widths(discriminator) == [(2, 256), (256, 128), (128, 64), (64, 1)]
    assert kinds(discriminator) == ["Flatten", *["Linear", "ReLU", "Dropout"] * 3, "Linear"]


def test_the_mnist_generator_ends_in_tanh():
    generator = Generator(100, [256, 512, 1024], (1, 28, 28), random_generator(1, "g"))
    assert widths(generator)[-1] == (1024, 784)
    assert kinds(generator)[-1] == "Tanh"
    images = generator(torch.randn(3, 100) * 100)
    assert images.shape == (3, 1, 28, 28)
    assert images.abs().max() <= 1


def test_a_discriminator_gives_one_logit_a_sample():
    discriminator = Discriminator((1, 8, 8), [16], 0.3, random_generator(1, "d"), random_generator(1, "m"))
    assert discriminator(torch.zeros(5, 1, 8, 8)).shape == (5, 1)


def test_initial_weights_are_pytorchs_default_from_a_generator_of_their_own():
    before = torch.get_rng_state()
    ours = Generator(100, [512], (784,), random_generator(1, "g"))
    assert torch.equal(torch.get_rng_state(), before)
    again = Generator(100, [512], (784,), random_generator(1, "g"))
    other = Generator(100, [512], (784,), random_generator(2, "g"))
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), again.parameters(), strict=True))
    assert not torch.equal(ours.layers[0].weight, other.layers[0].weight)
    theirs = nn.Linear(100, 512)
    assert ours.layers[0].weight.abs().max().item() == pytest.approx(1 / math.sqrt(100), rel=1e-3)
    assert ours.layers[0].weight.std().item() == pytest.approx(theirs.weight.std().item(), rel=0.02)
    assert ours.layers[0].bias.std().item() == pytest.approx(theirs.bias.std().item(), rel=0.2)


def test_dropout_drops_the_right_share_and_keeps_the_mean():
    dropout = Dropout(0.3, random_generator(1, "m"))
    before = torch.get_rng_state()
    out = dropout(torch.ones(1000, 1000))
    assert torch.equal(torch.get_rng_state(), before)
    assert (out == 0).double().mean() == pytest.approx(0.3, abs=0.002)
    assert out.max() == pytest.approx(1 / 0.7)
    assert out.mean() == pytest.approx(1, abs=0.003)
    assert not torch.equal(dropout(torch.ones(9, 9)), dropout(torch.ones(9, 9)))


def test_dropout_does_nothing_outside_of_training():
    x = torch.randn(4, 4)
    assert Dropout(0.3, None).eval()(x) is x
    assert Dropout(0, None)(x) is x
