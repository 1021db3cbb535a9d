import pytest
import torch

from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import sampling
from stages.gan.networks.mlp import MlpGenerator


def network(shape=(1, 4, 4)) -> MlpGenerator:
    return MlpGenerator(3, [8], shape, random_generator(1, "g")).eval()


def test_a_sample_depends_on_seed_and_number_alone():
    many = torch.cat(list(sampling.samples(network(), 111, 2500)))
    few = torch.cat(list(sampling.samples(network(), 111, 17)))
    assert many.shape == (2500, 1, 4, 4)
    assert torch.equal(many[:17], few)
    other = torch.cat(list(sampling.samples(network(), 112, 17)))
    assert not torch.equal(few, other)


def test_samples_by_their_numbers_are_the_same_to_the_bit():
    many = torch.cat(list(sampling.samples(network(), 111, 2500)))
    numbers = [2400, 3, 1000, 3, 999]
    assert torch.equal(sampling.numbered(network(), 111, numbers), many[numbers])


def test_images_are_bytes_and_points_are_floats():
    images = next(sampling.samples(network(), 1, 10))
    assert images.dtype == torch.uint8
    points = next(sampling.samples(network((2,)), 1, 10))
    assert points.dtype == torch.float32


def test_blocks_cover_the_count():
    assert [sampling.blocks(n) for n in (1, 1000, 1001)] == [1, 1, 2]


@pytest.mark.parametrize(("images", "count"), [(True, 25), (False, 500)])
def test_the_common_latent_points_are_the_same_for_all_runs(images, count):
    assert sampling.common_latents(3, images).shape == (count, 3)
    assert torch.equal(sampling.common_latents(3, images), sampling.common_latents(3, images))


def test_a_generator_in_training_stays_in_it():
    generator = network().train()
    sampling.draw(generator, torch.zeros(2, 3))
    assert generator.training
