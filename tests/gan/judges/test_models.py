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
    weights = random_generator(1, "judge")
    for member in (
        models.Regressor(1, [4], weights),
        models.ImageJudge((1, 8, 8), [4], 8, 7, weights),
        models.ImageJudge((1, 8, 8), [4], 8, None, weights),
    ):
        judges = models.Judges([member, member])
        about = dict(judges.architecture)
        again = models.get_judges(about.pop("network"))(**about)
        assert [type(one) for one in again.members] == [type(member)] * 2
        assert again.architecture == judges.architecture


def test_the_answer_of_judges_is_the_mean_of_theirs():
    members = [models.ImageJudge((1, 8, 8), [4], 8, 7, random_generator(seed, "judge")) for seed in (1, 2)]
    judges = models.Judges(members)
    images = torch.rand(3, 1, 8, 8, generator=random_generator(1, "images"))
    assert judges.classifies
    assert torch.allclose(judges(images), (members[0](images) + members[1](images)) / 2)


def test_features_are_those_before_the_relu():
    judge = models.ImageJudge((1, 8, 8), [4], 64, 7, random_generator(1, "judge"))
    seen = judge.features(torch.rand(9, 1, 8, 8, generator=random_generator(1, "images")))
    assert (seen < 0).any()
    assert torch.equal(judge.output(seen), judge.output(seen.clamp(min=0)))


@pytest.mark.parametrize("steps", [2, 10, 100])
def test_the_learning_rate_goes_as_pytorchs_one_cycle(steps):
    (weight,) = torch.nn.Linear(1, 1, bias=False).parameters()
    sgd = torch.optim.SGD([weight], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(sgd, 0.01, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        assert 0.01 * models.one_cycle(step, steps) == pytest.approx(cycle.get_last_lr()[0], rel=1e-9)
        sgd.step()
        if step + 1 < steps:
            cycle.step()
