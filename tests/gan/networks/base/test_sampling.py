import pytest
import torch

from stages.gan.core import numbering
from stages.gan.core.conditional import Conditional
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import sampling
from stages.gan.networks.base.sampling import Sampler
from stages.gan.networks.mlp import MlpGenerator

COUNTS = [30, 0, 10]


def network(shape=(1, 4, 4), latent: int = 3) -> MlpGenerator:
    return MlpGenerator(latent, [8], shape, random_generator(1, "g")).eval()


def told(shape=(1, 4, 4)) -> Conditional:
    return Conditional(network(shape, 3 + len(COUNTS)), COUNTS)


@pytest.mark.parametrize("made", [network, told])
def test_a_sample_depends_on_seed_and_number_alone(made):
    many = torch.cat(list(Sampler(made(), 111).samples(2500)))
    few = torch.cat(list(Sampler(made(), 111).samples(17)))
    assert many.shape == (2500, 1, 4, 4)
    assert torch.equal(many[:17], few)
    other = torch.cat(list(Sampler(made(), 112).samples(17)))
    assert not torch.equal(few, other)


@pytest.mark.parametrize("made", [network, told])
def test_samples_by_their_numbers_are_the_same_to_the_bit(made):
    many = torch.cat(list(Sampler(made(), 111).samples(2500)))
    numbers = [2400, 3, 1000, 3, 999]
    assert torch.equal(Sampler(made(), 111).numbered(numbers), many[numbers])


def test_images_are_bytes_and_points_are_floats():
    images = next(Sampler(network(), 1).samples(10))
    assert images.dtype == torch.uint8
    points = next(Sampler(network((2,)), 1).samples(10))
    assert points.dtype == torch.float32


@pytest.mark.parametrize(
    ("shape", "size"), [((2,), 1000), ((1, 28, 28), 1000), ((3, 64, 64), 341), ((3, 256, 256), 21)]
)
def test_a_block_has_fewer_of_large_samples(shape, size):
    assert numbering.block_size(shape) == size


def test_a_large_sample_is_in_a_block_of_its_own():
    assert numbering.block_size((3, 4096, 4096)) == 1


@pytest.mark.parametrize(("images", "count"), [(True, 25), (False, 500)])
def test_the_common_latent_points_are_the_same_for_all_runs(images, count):
    assert sampling.common_latents(network(), images).shape == (count, 3)
    assert torch.equal(sampling.common_latents(network(), images), sampling.common_latents(network(), images))


def test_classes_come_as_often_as_in_the_data_and_are_behind_the_latent_points():
    sampler = Sampler(told(), 111)
    latents = torch.stack([sampler.latent(number) for number in range(1500)])
    assert latents.shape == (1500, 6)
    labels = numbering.labels(COUNTS, 111, (1, 4, 4), 1500)
    assert torch.equal(latents[:, 3:].argmax(1), labels)
    assert (latents[:, 3:].sum(1) == 1).all()
    shares = labels.bincount(minlength=3) / 1500
    assert shares.tolist() == pytest.approx([0.75, 0, 0.25], abs=0.03)


def test_the_classes_of_pictures_take_turns():
    latents = sampling.common_latents(told(), images=True)
    assert latents[:4, 3:].argmax(1).tolist() == [0, 2, 0, 2]


def test_a_generator_in_training_stays_in_it():
    generator = network().train()
    sampling.draw(generator, torch.zeros(2, 3))
    assert generator.training


@pytest.mark.parametrize("most", [0.1, 0.5, 2.0, 6.0])
def test_truncated_points_are_within_and_keep_their_order(most):
    points = torch.randn(10_000, generator=torch.Generator().manual_seed(1))
    found = sampling.truncated(points, most)
    assert found.dtype == points.dtype
    assert found.abs().max() <= most * (1 + 1e-6)
    assert (found[points.argsort()].diff() >= 0).all()
    assert found.mean().abs() < 0.03 * most
    within = points[points.abs() < most]  # these are distributed so
    assert found.std().item() == pytest.approx(within.std().item(), rel=0.1)


def test_without_truncation_points_are_as_they_were():
    points = torch.randn(100, generator=torch.Generator().manual_seed(1))
    assert torch.equal(sampling.truncated(points, float("inf")), points)
    assert torch.allclose(sampling.truncated(points, 8), points, atol=1e-5)


@pytest.mark.parametrize("made", [network, told])
def test_truncation_leaves_classes_alone_and_samples_by_number_the_same(made):
    sampler = Sampler(made(), 111, truncation=0.5)
    latents = torch.stack([sampler.latent(number) for number in range(50)])
    assert latents[:, :3].abs().max() <= 0.5
    whole = torch.stack([Sampler(made(), 111).latent(number) for number in range(50)])
    assert torch.equal(latents[:, 3:], whole[:, 3:])
    many = torch.cat(list(sampler.samples(1100)))
    assert torch.equal(sampler.numbered([1050, 3]), many[[1050, 3]])


def test_samples_of_a_class_are_those_of_the_same_points_told_another_class():
    sampler, own = Sampler(told(), 111, 2), Sampler(told(), 111)
    assert sampler.latent(7)[3:].tolist() == [0, 0, 1]
    assert torch.equal(sampler.latent(7)[:3], own.latent(7)[:3])
    drawn = torch.cat(list(sampler.samples(20)))
    assert torch.equal(drawn, sampler.numbered(range(20)))
    assert torch.equal(drawn, own.numbered(range(20), [2] * 20))
