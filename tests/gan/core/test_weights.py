import pickle

import pytest
import torch

from stages.gan.core import weights
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base.registry import DISCRIMINATORS, GENERATORS
from stages.gan.networks.conv import ConvDiscriminator
from stages.gan.networks.mlp import MlpGenerator
from stages.runtime.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture
def network() -> MlpGenerator:
    return MlpGenerator(3, [8, 4], (2,), random_generator(1, "g"))


def test_a_network_survives_its_file(network, tmp_path):
    path = tmp_path / "folder" / "generator.safetensors"
    weights.save(path, network, {"seed": 1, "device": "cpu"})
    again, about = weights.load(path, GENERATORS, CPU)
    assert (about["seed"], about["device"]) == (1, "cpu")
    assert not again.training
    z = torch.randn(5, 3)
    assert torch.equal(again(z), network(z))


def test_a_normalised_network_survives_its_file(tmp_path):
    network = ConvDiscriminator((1, 8, 8), [4, 8], True, random_generator(1, "d"))
    network(torch.randn(2, 1, 8, 8))  # goes on with its estimate of the singular values
    weights.save(tmp_path / "discriminator.safetensors", network, {})
    again, _ = weights.load(tmp_path / "discriminator.safetensors", DISCRIMINATORS, CPU)
    images = torch.randn(5, 1, 8, 8)
    assert torch.equal(again(images), network.eval()(images))


def test_the_bytes_are_the_same_each_time(network, tmp_path):
    contents = set()
    for name in "abcdefgh":
        weights.save(tmp_path / name, network, {"seed": 1, "experiment": "sine", "device": "cpu"})
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1


class Malicious:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


def test_what_is_no_network_is_refused(network, tmp_path):
    path = tmp_path / "generator.safetensors"
    with pytest.raises(UserError, match="not a readable network"):
        weights.load(path, GENERATORS, CPU)
    weights.save(path, network, {})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="not a readable network"):
        weights.load(path, GENERATORS, CPU)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(UserError, match="not a readable network"):
        weights.load(path, GENERATORS, CPU)


def test_weights_that_do_not_fit_their_architecture_are_refused(network, tmp_path):
    network.architecture["hidden"] = [8, 5]
    weights.save(tmp_path / "g", network, {})
    with pytest.raises(UserError, match="size mismatch"):
        weights.load(tmp_path / "g", GENERATORS, CPU)
