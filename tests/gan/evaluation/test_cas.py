import pytest
import torch

from stages.gan.core import params
from stages.gan.core.datasets import Split
from stages.gan.evaluation import cas

SETTINGS = params.CnnJudge(
    network="cnn", channels=[4], features=16, epochs=12, batch_size=5, lr=0.005, seed=1, count=1
)
CPU = torch.device("cpu")


def patterns(count: int, seed: int) -> Split:
    """Images of ten patterns, a little changed."""
    shapes = torch.randint(0, 2, (10, 1, 8, 8), generator=torch.Generator().manual_seed(0)) * 180
    labels = torch.arange(10).repeat(count // 10)
    changes = torch.randint(0, 76, (count, 1, 8, 8), generator=torch.Generator().manual_seed(seed))
    return Split((shapes[labels] + changes).to(torch.uint8), labels)


def test_samples_like_the_real_ones_teach_to_tell_these_and_wrong_labels_do_not():
    test, samples = patterns(200, 1), patterns(400, 2)
    found = cas.accuracy(samples.samples, samples.labels, test, SETTINGS, 10, CPU)
    assert found > 0.95
    assert found == cas.accuracy(samples.samples, samples.labels, test, SETTINGS, 10, CPU)
    wrong = cas.accuracy(samples.samples, (samples.labels + 1) % 10, test, SETTINGS, 10, CPU)
    assert wrong < 0.05


def test_samples_of_half_of_the_classes_teach_half():
    test, samples = patterns(200, 1), patterns(400, 2)
    half = samples.labels < 5
    found = cas.accuracy(samples.samples[half], samples.labels[half], test, SETTINGS, 10, CPU)
    assert found == pytest.approx(0.5, abs=0.03)
