import pytest
import torch

from stages.gan.core.datasets import Dataset, Split
from stages.gan.evaluation import baselines


def test_noise_images_have_uniform_pixels(images):
    noise = baselines.noise(images.samples, 300)
    assert noise.shape == (300, 1, 8, 8)
    assert noise.dtype == torch.uint8
    assert (noise.min(), noise.max()) == (0, 255)
    assert abs(noise.double().mean() - 127.5) < 2
    assert torch.equal(noise, baselines.noise(images.samples, 300))


def test_noise_points_fill_a_box_half_as_wide_again():
    real = torch.tensor([[0.0, -10.0], [4.0, 10.0], [1.0, 0.0]])
    noise = baselines.noise(real, 2000)
    assert noise.shape == (2000, 2)
    assert noise.dtype == torch.float32
    low, high = torch.tensor([-1.0, -15.0]), torch.tensor([5.0, 15.0])
    assert (noise >= low).all()
    assert (noise <= high).all()
    assert ((noise.amax(0) - noise.amin(0)) > 0.99 * (high - low)).all()


def test_draws_are_of_different_test_samples_with_the_training_splits_classes(images):
    test = images.samples[40:]
    labels = torch.arange(2).repeat(20)  # in the training split, nine of ten are of class 0
    real = Dataset(Split(images.samples[:40], (torch.arange(40) % 10 == 0).long()), Split(test, labels))
    found = baselines.draws(real, 20)
    assert len(found) == baselines.DRAWS
    for draw in found:
        assert len(draw) == len(set(draw.tolist())) == 20
    ones = [labels[draw].sum().item() for draw in found]
    assert 0.5 < sum(ones) / len(found) < 4  # of 20, a tenth are expected
    assert len(set(ones)) > 1  # as chance has it
    again = baselines.draws(real, 20)
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))


def test_a_draw_is_full_where_the_test_split_lacks_a_class(images):
    real = Dataset(
        Split(images.samples[:40], torch.zeros(40, dtype=torch.int64)),
        Split(images.samples[40:50], torch.tensor([0] + [1] * 9)),
    )
    for draw in baselines.draws(real, 5):
        assert len(set(draw.tolist())) == 5
        assert 0 in draw


def test_points_are_drawn_at_random(points):
    found = baselines.draws(Dataset(points, points), 25)
    assert len({tuple(sorted(draw.tolist())) for draw in found}) == baselines.DRAWS


def test_baselines_are_the_mean_and_spread_of_the_draws_and_what_noise_has():
    real = [{"recall": 0.8, "cas": 0.9}, {"recall": 0.6}]
    found = baselines.with_baselines(real, {"recall": 0.1, "cas": 0.2}, 0.5)
    assert found == {
        "recall_real": pytest.approx(0.7),
        "recall_real_spread": pytest.approx(0.2),  # 0.1 · √2, over √½ as half of the samples are in a draw
        "recall_noise": 0.1,
        "cas_real": 0.9,
        "cas_noise": 0.2,
    }
