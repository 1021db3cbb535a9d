import torch

from stages.gan.core import weights
from stages.gan.core.normalization import Normalization, Rescaled
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import sampling
from stages.gan.networks.base.registry import get_generator
from stages.gan.networks.mlp import MlpGenerator

POINTS = torch.tensor([[1000.0, 0.1], [1010.0, 0.2], [1040.0, 0.3]])


def network() -> MlpGenerator:
    return MlpGenerator(3, [8], (2,), random_generator(1, "g")).eval()


def test_points_have_mean_0_and_deviation_1_and_come_back():
    normalization = Normalization.of(POINTS)
    normalized = normalization.normalize(POINTS)
    assert torch.allclose(normalized.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(normalized.std(0), torch.ones(2), atol=1e-5)
    assert torch.allclose(normalization.denormalize(normalized), POINTS)
    assert torch.allclose(normalization.last().denormalize(normalized[:, 1:]), POINTS[:, 1:])


def test_a_rescaled_generator_survives_its_file_and_draws_in_the_datas_units(tmp_path):
    normalization, plain = Normalization.of(POINTS), network()
    rescaled = Rescaled(plain, normalization)
    latents = torch.randn(7, 3, generator=random_generator(1, "z"))
    drawn = sampling.draw(rescaled, latents)
    assert torch.allclose(normalization.normalize(drawn), plain(latents).detach(), atol=1e-4)
    weights.save(tmp_path / "g", rescaled, {"seed": 1})
    again, about = weights.load(tmp_path / "g", get_generator, torch.device("cpu"))
    assert about["architecture"]["network"] == "mlp"
    assert again.latent == 3
    assert torch.equal(sampling.draw(again, latents), drawn)
