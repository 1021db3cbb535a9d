import math

import pytest
import torch
from torch import nn

from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.conv import ConvDiscriminator, ConvGenerator
from stages.gan.networks.mlp import Dropout, MlpDiscriminator, MlpGenerator
from stages.runtime.errors import UserError


def widths(network: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)]


def kinds(network: nn.Module) -> list[str]:
    return [type(m).__name__ for m in network.layers]


def test_the_sine_networks_are_the_classic_ones():
    generator = MlpGenerator(2, [16, 32], (2,), random_generator(1, "g"))
    assert widths(generator) == [(2, 16), (16, 32), (32, 2)]
    assert kinds(generator) == ["Linear", "ReLU", "Linear", "ReLU", "Linear", "Identity"]
    discriminator = MlpDiscriminator((2,), [256, 128, 64], 0.3, random_generator(1, "d"))
    assert widths(discriminator) == [(2, 256), (256, 128), (128, 64), (64, 1)]
    assert kinds(discriminator) == ["Flatten", *["Linear", "Dropout", "ReLU"] * 3, "Linear"]


def test_the_mnist_generator_ends_in_tanh():
    generator = MlpGenerator(100, [256, 512, 1024], (1, 28, 28), random_generator(1, "g"))
    assert widths(generator)[-1] == (1024, 784)
    assert kinds(generator)[-1] == "Tanh"
    images = generator(torch.randn(3, 100) * 100)
    assert images.shape == (3, 1, 28, 28)
    assert images.abs().max() <= 1


def test_a_discriminator_gives_one_logit_a_sample():
    discriminator = MlpDiscriminator((1, 8, 8), [16], 0.3, random_generator(1, "d"), random_generator(1, "m"))
    assert discriminator(torch.zeros(5, 1, 8, 8)).shape == (5, 1)


def test_initial_weights_are_pytorchs_default_from_a_generator_of_their_own():
    before = torch.get_rng_state()
    ours = MlpGenerator(100, [512], (784,), random_generator(1, "g"))
    assert torch.equal(torch.get_rng_state(), before)
    again = MlpGenerator(100, [512], (784,), random_generator(1, "g"))
    other = MlpGenerator(100, [512], (784,), random_generator(2, "g"))
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), again.parameters(), strict=True))
    assert not torch.equal(ours.layers[0].weight, other.layers[0].weight)
    theirs = nn.Linear(100, 512)
    assert ours.layers[0].weight.abs().max().item() == pytest.approx(1 / math.sqrt(100), rel=1e-3)
    assert ours.layers[0].weight.std().item() == pytest.approx(theirs.weight.std().item(), rel=0.02)
    assert ours.layers[0].bias.std().item() == pytest.approx(theirs.bias.std().item(), rel=0.2)


def dropped(discriminator: nn.Module, samples: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """What went into each dropout layer, and what came out of it."""
    before, after = [], []
    for layer in discriminator.layers:
        if isinstance(layer, Dropout):  # which works in place
            layer.register_forward_pre_hook(lambda _, inputs: before.append(inputs[0].detach().clone()))
            layer.register_forward_hook(lambda _, __, output: after.append(output.detach().clone()))
    discriminator(samples)
    return list(zip(before, after, strict=True))


def test_dropout_drops_the_right_share_and_keeps_the_mean():
    discriminator = MlpDiscriminator(
        (1,), [500, 700], 0.3, random_generator(1, "d"), random_generator(1, "m")
    )
    before = torch.get_rng_state()
    layers = dropped(discriminator, torch.ones(1000, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert [tuple(x.shape) for x, _ in layers] == [(1000, 500), (1000, 700)]
    for x, out in layers:
        kept = out != 0
        assert kept.double().mean() == pytest.approx(0.7, abs=0.003)
        torch.testing.assert_close(out[kept], x[kept] / 0.7)
    again, other = ((out[1][1] == 0) for out in (layers, dropped(discriminator, torch.ones(1000, 1))))
    assert not torch.equal(again, other)


def test_dropout_does_nothing_outside_of_training_or_without_a_probability():
    for discriminator in (
        MlpDiscriminator((1,), [50], 0.3, random_generator(1, "d")).eval(),
        MlpDiscriminator((1,), [50], 0.0, random_generator(1, "d")),
    ):
        ((x, out),) = dropped(discriminator, torch.ones(9, 1))
        assert torch.equal(out, x)


def test_the_convolutional_networks_have_dcgans_layers():
    generator = ConvGenerator(64, [32, 16], (1, 28, 28), random_generator(1, "g"))
    assert kinds(generator) == [
        *["Linear", "Unflatten", "ReLU", "Conv2d"],
        *["ReLU", "ConvTranspose2d", "ReLU", "ConvTranspose2d", "Tanh"],
    ]
    maps = generator.layers[:2](torch.randn(3, 64))
    assert maps.shape == (3, 32, 7, 7)
    images = generator(torch.randn(3, 64) * 100)
    assert images.shape == (3, 1, 28, 28)
    assert images.abs().max() <= 1
    discriminator = ConvDiscriminator((1, 28, 28), [16, 32, 64], False, random_generator(1, "d"))
    assert kinds(discriminator) == [*["Conv2d", "LeakyReLU"] * 3, "Flatten", "Linear"]
    assert discriminator(images).shape == (3, 1)


def test_convolutions_start_from_pytorchs_default_weights():
    generator = ConvGenerator(4, [32, 16], (1, 8, 8), random_generator(1, "g"))
    for ours, theirs in (
        (generator.layers[5], nn.ConvTranspose2d(32, 16, 4, 2, 1)),
        (
            ConvDiscriminator((16, 8, 8), [32], False, random_generator(1, "d")).layers[0],
            nn.Conv2d(16, 32, 4),
        ),
    ):
        assert ours.weight.shape == theirs.weight.shape
        assert ours.weight.abs().max().item() == pytest.approx(theirs.weight.abs().max().item(), rel=0.01)
        assert ours.weight.std().item() == pytest.approx(theirs.weight.std().item(), rel=0.05)


def test_spectral_normalisation_bounds_every_layer_and_starts_from_the_seed():
    before = torch.get_rng_state()
    first, again = (
        ConvDiscriminator((1, 8, 8), [16, 32], True, random_generator(1, "d"), random_generator(1, "m"))
        for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True)
    )
    for _ in range(50):
        first(torch.randn(2, 1, 8, 8))
    for layer in first.layers:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.01)


def test_sides_that_do_not_halve_evenly_are_refused():
    with pytest.raises(UserError, match=r"generator\.channels: 3 are too many for images of 28x28"):
        ConvGenerator(4, [8, 8, 8], (1, 28, 28))
    with pytest.raises(UserError, match=r"discriminator\.channels: 4 are too many for images of 8x8"):
        ConvDiscriminator((1, 8, 8), [8, 8, 8, 8], False)
