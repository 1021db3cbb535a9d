from pathlib import Path

import pytest
import torch

from stages.gan.core import datasets
from stages.gan.core.randomness import generator as random_generator
from stages.gan.judges import models
from stages.gan.sources.digits import DigitsSource
from stages.runtime.errors import UserError


def test_the_classifier_learns_handwritten_digits():
    digits = DigitsSource(seed=111).load(Path())
    judge = models.ImageJudge((1, 8, 8), [16, 32], 64, 10, random_generator(1, "judge"))
    x = datasets.normalize(digits.train.samples)
    before = torch.get_rng_state()
    losses = list(models.fit(judge, x, digits.train.labels, epochs=8, batch_size=32, lr=0.003, seed=1))
    assert torch.equal(torch.get_rng_state(), before)
    assert losses[-1] < losses[0] / 10
    assert not judge.training
    answers = models.predict(judge, datasets.normalize(digits.test.samples), batch_size=7)
    assert (answers.argmax(1) == digits.test.labels).double().mean() > 0.95


def test_the_regressor_fits_the_sine():
    x = torch.linspace(0, 6.28, 500).unsqueeze(1)
    judge = models.Regressor(1, [32, 32], random_generator(1, "judge"))
    losses = list(models.fit(judge, x, x.sin(), epochs=60, batch_size=32, lr=0.01, seed=1))
    assert losses[-1] < 1e-3
    assert (models.predict(judge, x) - x.sin()).abs().max() < 0.1


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 8, 8)])
def test_the_classifier_takes_images_of_any_size(shape):
    judge = models.ImageJudge(shape, [4, 8], 16, 7, random_generator(1, "judge"))
    images = torch.zeros(3, *shape)
    assert judge.features(images).shape == (3, 16)
    assert judge(images).shape == (3, 7)


def test_sides_that_pooling_leaves_nothing_of_are_refused():
    with pytest.raises(UserError, match=r"judge\.channels: 4 are too many for images of 8x8"):
        models.ImageJudge((1, 8, 8), [4, 4, 4, 4], 16, 10)


def test_judges_are_found_by_the_name_that_their_architecture_has():
    for judge in (
        models.Regressor(1, [4], random_generator(1, "judge")),
        models.ImageJudge((1, 8, 8), [4], 8, 7, random_generator(1, "judge")),
        models.ImageJudge((1, 8, 8), [4], 8, None, random_generator(1, "judge")),
    ):
        about = dict(judge.architecture)
        again = models.get_judge(about.pop("network"))(**about)
        assert type(again) is type(judge)
        assert again.architecture == judge.architecture
