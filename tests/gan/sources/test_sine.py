import math
from pathlib import Path

import pytest
import torch

from stages.gan.core.datasets import Dataset
from stages.gan.core.source import Measured
from stages.gan.sources.sine import SineSource


def sine(points: int = 1024, seed: int = 111) -> Dataset:
    return SineSource(points=points, seed=seed).load(Path())


def test_points_lie_on_the_curve_over_its_whole_range():
    points = sine().train.samples
    assert points.shape == (1024, 2)
    assert points.dtype == torch.float32
    x1, x2 = points.unbind(1)
    assert torch.equal(x2, x1.sin())
    assert 0 <= x1.min() < 0.05
    assert 2 * math.pi - 0.05 < x1.max() < 2 * math.pi
    assert x1.mean() == pytest.approx(math.pi, abs=0.2)


def test_points_depend_on_the_seed_and_the_splits_differ():
    assert torch.equal(sine().train.samples, sine().train.samples)
    assert not torch.equal(sine().train.samples, sine(seed=1).train.samples)
    assert not torch.equal(sine().train.samples, sine().test.samples)


def test_it_says_what_it_loads():
    source = SineSource(points=20, seed=1)
    assert (source.kind, source.shape, source.counts, source.path) == ("points", (2,), (20, 20), None)
    assert source.measure(Path()) == Measured((2,), 20)
    dataset = sine(points=20)
    assert (dataset.shape, len(dataset.train), len(dataset.test)) == ((2,), 20, 20)
