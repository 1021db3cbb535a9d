import math
from itertools import product

import pytest
import torch
from torch import nn

from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.conv import ConvDiscriminator, ConvGenerator
from stages.gan.networks.mlp import Dropout, MlpDiscriminator, MlpGenerator
from stages.gan.networks.residual import Attention, ResidualDiscriminator, ResidualGenerator
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
    generator = ConvGenerator(64, [32, 16], (1, 28, 28), weights=random_generator(1, "g"))
    assert kinds(generator) == [
        *["Linear", "Unflatten", "ReLU", "Conv2d"],
        *["ReLU", "ConvTranspose2d", "ReLU", "ConvTranspose2d", "Tanh"],
    ]
    maps = generator.layers[:2](torch.randn(3, 64))
    assert maps.shape == (3, 32, 7, 7)
    images = generator(torch.randn(3, 64) * 100)
    assert images.shape == (3, 1, 28, 28)
    assert images.abs().max() <= 1
    discriminator = ConvDiscriminator((1, 28, 28), [16, 32, 64], weights=random_generator(1, "d"))
    assert kinds(discriminator) == [*["Conv2d", "LeakyReLU"] * 3, "Flatten"]
    assert discriminator(images).shape == (3, 1)


def test_squares_of_pixels_are_maps_where_that_is_wanted():
    generator = ConvGenerator(8, [6, 4], (3, 8, 12), subpixel=True, weights=random_generator(1, "g"))
    kinds_of_end = ["ReLU", "Conv2d", "PixelShuffle", "Tanh"]
    assert kinds(generator) == [
        "Linear",
        "Unflatten",
        "ReLU",
        "Conv2d",
        "ReLU",
        "ConvTranspose2d",
        *kinds_of_end,
    ]
    latents = torch.randn(2, 8)
    maps, images = generator.layers[:-2](latents), generator(latents)
    assert maps.shape == (2, 12, 4, 6)
    assert images.shape == (2, 3, 8, 12)
    # Shi et al. 2016, equation 4: which map has a pixel goes by whether its row and its column are odd.
    for channel, row, column in product(range(3), range(8), range(12)):
        which = 4 * channel + 2 * (row % 2) + column % 2
        wanted = maps[:, which, row // 2, column // 2].tanh()
        assert torch.equal(images[:, channel, row, column], wanted)
    discriminator = ConvDiscriminator((3, 8, 12), [4, 6], subpixel=True, weights=random_generator(1, "d"))
    back = discriminator.layers[0](generator.layers[-2](maps))
    assert torch.equal(back, maps)  # what the discriminator's first convolution sees are the same maps
    assert discriminator(images).shape == (2, 1)
    with pytest.raises(UserError, match=r"discriminator\.subpixel: images of 9x12 do not consist of squares"):
        ConvDiscriminator((1, 9, 12), [4], subpixel=True)


def test_convolutions_start_from_pytorchs_default_weights():
    generator = ConvGenerator(4, [32, 16], (1, 8, 8), weights=random_generator(1, "g"))
    for ours, theirs in (
        (generator.layers[5], nn.ConvTranspose2d(32, 16, 4, 2, 1)),
        (
            ConvDiscriminator((16, 8, 8), [32], weights=random_generator(1, "d")).layers[0],
            nn.Conv2d(16, 32, 4),
        ),
    ):
        assert ours.weight.shape == theirs.weight.shape
        assert ours.weight.abs().max().item() == pytest.approx(theirs.weight.abs().max().item(), rel=0.01)
        assert ours.weight.std().item() == pytest.approx(theirs.weight.std().item(), rel=0.05)


def test_spectral_normalisation_bounds_every_layer_and_starts_from_the_seed():
    before = torch.get_rng_state()
    first, again = (
        ConvDiscriminator((1, 8, 8), [16, 32], spectral_norm=True, weights=random_generator(1, "d"))
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


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (1, 30, 17), (3, 5, 8)])
def test_residual_networks_take_any_size_and_rectangles(shape):
    generator = ResidualGenerator(5, [8, 6, 4], shape, weights=random_generator(1, "g"))
    images = generator(100 * torch.randn(3, 5))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    discriminator = ResidualDiscriminator(shape, [4, 6, 8], weights=random_generator(1, "d"))
    assert discriminator(images).shape == (3, 1)


def test_a_residual_block_goes_around_its_convolutions():
    generator = ResidualGenerator(5, [4, 4], (1, 8, 8), weights=random_generator(1, "g"))
    (block, *_) = generator.layers
    maps = torch.randn(2, 4, 4, 4)
    with torch.no_grad():
        for parameter in block.second.parameters():
            parameter.zero_()
        around = block.around(maps).repeat_interleave(2, 2).repeat_interleave(2, 3)
        torch.testing.assert_close(block(maps), around)


def test_attention_is_softmax_over_all_places_and_begins_with_nothing():
    layer = Attention(8, random_generator(1, "a"))
    maps = torch.randn(2, 8, 3, 5)
    assert torch.equal(layer(maps), maps)
    with torch.no_grad():
        layer.gamma.fill_(1.0)
    query, key, value = (part(maps).flatten(2) for part in (layer.query, layer.key, layer.value))
    seen = torch.empty_like(value)
    for sample in range(2):
        for place in range(15):
            scores = torch.stack([query[sample, :, place] @ key[sample, :, other] for other in range(15)])
            seen[sample, :, place] = (value[sample] * scores.softmax(0)).sum(1)
    wanted = maps + layer.out(seen.view(2, 4, 3, 5))
    torch.testing.assert_close(layer(maps), wanted)


@pytest.mark.parametrize("kind", [ConvDiscriminator, ResidualDiscriminator])
def test_a_projection_adds_the_features_inner_product_with_the_class(kind):
    network = kind((1, 8, 8), [4, 4], classes=3, weights=random_generator(1, "d"))
    images, classes = torch.randn(6, 1, 8, 8), torch.eye(3).repeat(2, 1)
    known, unknown = network(images, classes), network(images)
    rows = network.logits.embedding.weight.repeat(2, 1)
    torch.testing.assert_close(known - unknown, (network.layers(images) * rows).sum(1, keepdim=True))


def test_a_fully_connected_discriminator_has_the_class_beside_the_sample():
    network = MlpDiscriminator((1, 2, 2), [8], 0.0, random_generator(1, "d"), classes=3)
    assert widths(network) == [(7, 8), (8, 1)]
    images, classes = torch.randn(3, 1, 2, 2), torch.eye(3)
    beside = network.layers(torch.cat([images.flatten(1), classes], 1))
    torch.testing.assert_close(network(images, classes), beside)
