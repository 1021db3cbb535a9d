import pytest
import torch

from stages.gan.core import params
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import registry
from stages.gan.networks.base.custom_network import CustomNetwork
from stages.gan.networks.base.registry import get_generator, get_network
from stages.gan.networks.conv import ConvDiscriminator
from stages.gan.networks.mlp import MlpDiscriminator, MlpGenerator
from stages.runtime.errors import UserError
from tests import calls

CPU = torch.device("cpu")


def test_networks_are_found_by_kind_and_name(write_custom):
    write_custom(
        "from torch import nn\ndef line_generator(latent, shape): return nn.Linear(latent, *shape)\n"
    )
    assert get_generator("mlp") is MlpGenerator
    assert get_network("discriminator", "conv") is ConvDiscriminator
    made = get_generator("line")(latent=3, shape=(2,))
    assert isinstance(made, CustomNetwork)
    assert made.architecture == {"network": "line", "latent": 3, "shape": [2]}
    assert made(torch.zeros(5, 3)).shape == (5, 2)
    for kind, name in (("discriminator", "line"), ("generator", "none")):
        with pytest.raises(UserError, match=f"there is no {kind} named {name}"):
            get_network(kind, name)


def test_both_are_built_from_the_seed_each_from_a_stream_of_its_own():
    sine = params.load(calls.PARAMS).experiments["sine"]
    generator, discriminator = registry.build(sine.generator, sine.discriminator, (2,), 7, CPU)
    for built, expected in (
        (generator, MlpGenerator(2, [16, 32], (2,), random_generator(7, "generator"))),
        (discriminator, MlpDiscriminator((2,), [256, 128, 64], 0.3, random_generator(7, "discriminator"))),
    ):
        assert all(torch.equal(a, b) for a, b in zip(built.parameters(), expected.parameters(), strict=True))
    assert discriminator.masks.initial_seed() == random_generator(7, "dropout").initial_seed()
