import pickle
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stages.gan.core import params, weights
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base.registry import get_generator, get_network
from stages.gan.networks.conv import ConvDiscriminator
from stages.gan.networks.mlp import MlpGenerator
from stages.runtime.errors import UserError
from tests import calls

CPU = torch.device("cpu")


@pytest.fixture
def network() -> MlpGenerator:
    return MlpGenerator(3, [8, 4], (2,), random_generator(1, "g"))


def test_a_network_survives_its_file(network, tmp_path):
    path = tmp_path / "folder" / "generator.safetensors"
    weights.save(path, network, {"seed": 1, "device": "cpu"})
    again, about = weights.load(path, get_generator, CPU)
    assert (about["seed"], about["device"]) == (1, "cpu")
    assert not again.training
    z = torch.randn(5, 3)
    assert torch.equal(again(z), network(z))


def test_a_normalised_network_survives_its_file(tmp_path):
    network = ConvDiscriminator((1, 8, 8), [4, 8], spectral_norm=True, weights=random_generator(1, "d"))
    network(torch.randn(2, 1, 8, 8))  # goes on with its estimate of the singular values
    weights.save(tmp_path / "discriminator.safetensors", network, {})
    again, _ = weights.load(
        tmp_path / "discriminator.safetensors", partial(get_network, "discriminator"), CPU
    )
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
        weights.load(path, get_generator, CPU)
    weights.save(path, network, {})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="not a readable network"):
        weights.load(path, get_generator, CPU)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(UserError, match="not a readable network"):
        weights.load(path, get_generator, CPU)


def test_weights_that_do_not_fit_their_architecture_are_refused(network, tmp_path):
    network.architecture["hidden"] = [8, 5]
    weights.save(tmp_path / "g", network, {})
    with pytest.raises(UserError, match="size mismatch"):
        weights.load(tmp_path / "g", get_generator, CPU)


def test_what_is_known_of_a_network_is_read_without_building_it(network, tmp_path):
    path = tmp_path / "generator.safetensors"
    weights.save(path, network, {"seed": 1, "device": "cpu"})
    assert weights.read_about(path) == {
        "architecture": {"network": "mlp", "latent": 3, "hidden": [8, 4], "shape": [2]},
        "seed": 1,
        "device": "cpu",
    }
    network.architecture["network"] = "one that is gone"
    weights.save(path, network, {})
    assert weights.read_about(path)["architecture"]["network"] == "one that is gone"
    with pytest.raises(UserError, match="there is no generator named one that is gone"):
        weights.load(path, get_generator, CPU)


def test_a_file_that_says_nothing_of_its_network_is_refused(network, tmp_path):
    path = tmp_path / "generator.safetensors"
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(UserError, match="not a readable network of this project"):
        weights.read_about(path)
    for about in ("[", "3", "{}", '{"architecture": 3}'):
        save_file({"a": torch.ones(1)}, path, metadata={"about": about})
        with pytest.raises(UserError, match="not a readable network of this project"):
            weights.read_about(path)


@pytest.fixture
def block() -> params.PieceBlock:
    """The parameters of sine's generator: two latent dimensions, hidden layers of 16 and 32."""
    return params.load(calls.PARAMS).experiments["sine"].generator


@pytest.fixture
def sine_file(tmp_path) -> Path:
    """A generator that is built so, of sine's run with seed 7."""
    generator = MlpGenerator(2, [16, 32], (2,), random_generator(1, "g"))
    about = {"experiment": "sine", "seed": 7, "device": "cpu"}
    weights.save(tmp_path / "generator.safetensors", generator, about)
    return tmp_path / "generator.safetensors"


def test_another_runs_generator_is_refused(sine_file, block):
    about = weights.read_about(sine_file)
    run = weights.check_generator(sine_file, about, "sine", 7, block, (2,))
    about_device = {"device": "cpu", "processor": None, "portable": None}  # its file is of before these
    assert run == {"experiment": "sine", "seed": 7, **about_device}
    for name, seed in (("sine", 8), ("digits", 7)):
        with pytest.raises(UserError) as caught:
            weights.check_generator(sine_file, about, name, seed, block, (2,))
        words = f"is the generator of sine, seed 7, not of {name}, seed {seed}; run the train stage"
        assert str(caught.value) == f"{sine_file}: {words}"


def test_a_generator_that_is_not_as_the_parameters_say_is_refused(sine_file, block):
    about = weights.read_about(sine_file)
    for changes, words in (
        ({"hidden": [16]}, r"hidden is \[16, 32\], but generator in the parameters and the data need \[16\]"),
        ({"latent": 3}, "latent is 2, but generator in the parameters and the data need 3; run"),
    ):
        with pytest.raises(UserError, match=words):
            weights.check_generator(sine_file, about, "sine", 7, block.model_copy(update=changes), (2,))
    with pytest.raises(UserError, match=r"shape is \[2\], but .* need \[3\]"):
        weights.check_generator(sine_file, about, "sine", 7, block, (3,))


def test_what_is_known_better_of_an_architecture_counts(tmp_path):
    settings = params.CnnJudge(
        network="cnn", channels=[4], features=8, epochs=1, batch_size=8, lr=0.1, seed=1
    )
    architecture = {"network": "autoencoder", "shape": [1, 8, 8], "channels": [4], "features": 8}
    path = tmp_path / "judge.safetensors"
    weights.check_architecture(path, architecture, settings, (1, 8, 8), "judge", network="autoencoder")
    with pytest.raises(
        UserError, match=r"judge\.safetensors: network is autoencoder, but judge .* need cnn; run the ju"
    ):
        weights.check_architecture(path, architecture, settings, (1, 8, 8), "judge")
    with pytest.raises(UserError, match=r"classes is 3, but judge .* need 4"):
        weights.check_architecture(path, {"classes": 3}, settings, (1, 8, 8), "judge", classes=4)


def test_a_judge_of_points_has_an_input_less_than_they_have_coordinates(tmp_path):
    settings = params.MlpJudge(network="mlp", hidden=[4], epochs=1, batch_size=8, lr=0.1, seed=1)
    for shape, inputs in (((2,), 1), ((5,), 4), ((1,), 1)):
        architecture = {"network": "mlp", "inputs": inputs, "hidden": [4]}
        weights.check_architecture(tmp_path, architecture, settings, shape, "judge")
    with pytest.raises(UserError, match=r"inputs is 1, but judge .* need 2"):
        weights.check_architecture(tmp_path, architecture, settings, (3,), "judge")


def test_weights_that_are_not_finite_are_refused(network, tmp_path):
    with torch.no_grad():
        network.layers[0].bias[1] = torch.nan
    weights.save(tmp_path / "g", network, {})
    with pytest.raises(UserError, match=r"layers\.0\.bias holds numbers that are not finite"):
        weights.load(tmp_path / "g", get_generator, CPU)
