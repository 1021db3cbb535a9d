import pytest
import torch

from stages.gan.core import params
from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.normalization import Normalization
from stages.gan.judges import fitting, models
from stages.runtime.errors import UserError

POINTS_JUDGE = params.MlpJudge(network="mlp", hidden=[8], epochs=1, batch_size=8, lr=0.01, seed=1)
IMAGES_JUDGE = params.CnnJudge(
    network="cnn", channels=[4], features=8, epochs=1, batch_size=8, lr=0.01, seed=1
)


def test_what_a_judge_is_depends_on_the_data(points, images):
    pictures = Split(images.samples)
    for split, settings, kind, known in (
        (points, POINTS_JUDGE, models.Regressor, {}),
        (images, IMAGES_JUDGE, models.ImageJudge, {"classes": 10}),
        (pictures, IMAGES_JUDGE, models.ImageJudge, {"network": "autoencoder"}),
    ):
        dataset = Dataset(split, split)
        judge = fitting.build(settings, dataset)
        assert type(judge) is kind
        assert fitting.known(settings, dataset) == known
        assert judge.architecture.items() >= known.items()
        x, y = fitting.inputs(split)
        answers = models.predict(judge, x)
        assert len(answers) == len(split)
        assert y.shape == ((80,) if split.labels is not None else answers.shape)


def test_its_initial_weights_come_from_its_seed(points):
    first, again = (fitting.build(POINTS_JUDGE, Dataset(points, points)) for _ in range(2))
    other = fitting.build(POINTS_JUDGE.model_copy(update={"seed": 2}), Dataset(points, points))
    weights = [judge.layers[0].weight for judge in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


class Answers(torch.nn.Linear):
    """A judge whose answers are what a test has them be."""

    def __init__(self, answers: torch.Tensor) -> None:
        super().__init__(1, 1)
        self.answers = answers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answers


def test_a_classifier_is_tested_by_its_accuracy(images):
    logits = 50 * torch.nn.functional.one_hot(images.labels, 10).float()
    logits[:20] = logits[:20].roll(1, 1)
    scores = fitting.test(Answers(logits), images)
    assert scores["accuracy"] == 0.75
    assert scores["loss"] == pytest.approx(50 / 4)


def test_an_autoencoder_is_tested_by_the_variance_that_it_explains(images):
    pictures = Split(images.samples)
    pixels = pictures.normalized.flatten(1)
    scores = fitting.test(Answers(pixels + 0.5), pictures)
    assert scores["rmse"] == pytest.approx(0.5)
    assert scores["variance_explained"] == pytest.approx(1 - 0.25 / pixels.var(0, correction=0).mean().item())


def test_a_fit_of_points_is_tested_in_the_datas_units(points):
    scaled = points.samples * torch.tensor([1.0, 1000.0])
    split = Split(scaled, normalization=Normalization.of(scaled))
    answers = split.normalized[:, -1:]
    assert torch.allclose(fitting.expected(split, answers), scaled[:, -1:], rtol=1e-5)
    deviation = split.normalization.deviation[1]
    assert fitting.test(Answers(answers + 0.5), split)["rmse"] == pytest.approx(0.5 * deviation, rel=1e-4)
    plain = fitting.test(Answers(points.samples[:, -1:] + 0.5), points)
    assert plain["rmse"] == pytest.approx(0.5)


def test_one_that_gives_all_the_same_answer_is_refused(points, images):
    for split, answers in ((points, torch.zeros(50, 1)), (images, torch.ones(80, 10))):
        with pytest.raises(UserError, match=r"it gives the same answer to whatever it sees; lower judge\.lr"):
            fitting.test(Answers(answers), split)
