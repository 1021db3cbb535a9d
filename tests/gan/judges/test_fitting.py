import math

import pytest
import torch

from stages.gan.core import params
from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.normalization import Normalization
from stages.gan.judges import fitting, models
from stages.runtime.errors import UserError

POINTS_JUDGE = params.MlpJudge(network="mlp", hidden=[8], epochs=1, batch_size=8, lr=0.01, seed=1, count=2)
IMAGES_JUDGE = params.CnnJudge(
    network="cnn", channels=[4], features=8, epochs=1, batch_size=8, lr=0.01, seed=1, count=2
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
        assert [type(member) for member in judge.members] == [kind, kind]
        assert judge.architecture["count"] == 2
        assert fitting.known(settings, dataset) == known
        assert judge.architecture.items() >= known.items()
        x, y = fitting.inputs(split)
        answers = models.predict(judge, x)
        assert len(answers) == len(split)
        assert y.shape == ((80,) if split.labels is not None else answers.shape)


def test_its_initial_weights_come_from_its_seed(points):
    first, again = (fitting.build(POINTS_JUDGE, Dataset(points, points)) for _ in range(2))
    other = fitting.build(POINTS_JUDGE.model_copy(update={"seed": 2}), Dataset(points, points))
    weights = [member.layers[0].weight for judges in (first, again, other) for member in judges.members]
    assert torch.equal(weights[0], weights[2])
    assert torch.equal(weights[1], weights[3])
    assert not torch.equal(weights[0], weights[1])  # each has its own
    assert not torch.equal(weights[0], weights[4])


def test_each_is_fitted_in_an_order_of_its_own(points):
    settings = POINTS_JUDGE.model_copy(update={"epochs": 3})
    judges = fitting.build(settings, Dataset(points, points))
    judges.members[1].load_state_dict(judges.members[0].state_dict())
    losses = list(fitting.fit(settings, judges, points, torch.device("cpu")))
    assert len(losses) == 2 * 3
    assert losses[:3] != losses[3:]


class Answers(torch.nn.Linear):
    """A judge whose answers are what a test has them be."""

    def __init__(self, answers: torch.Tensor) -> None:
        super().__init__(1, 1)
        self.architecture = {}
        self.answers = answers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answers


def test_a_classifier_is_tested_by_its_accuracy(images):
    logits = 50 * torch.nn.functional.one_hot(images.labels, 10).float()
    logits[:20] = logits[:20].roll(1, 1)
    scores = fitting.test(models.Judges([Answers(logits)]), images)
    assert scores["accuracy"] == 0.75
    assert scores["loss"] == pytest.approx(50 / 4)


def test_an_autoencoder_is_tested_by_the_variance_that_it_explains(images):
    pictures = Split(images.samples)
    pixels = pictures.normalized.flatten(1)
    scores = fitting.test(models.Judges([Answers(pixels + 0.5)]), pictures)
    assert scores["rmse"] == pytest.approx(0.5)
    assert scores["variance_explained"] == pytest.approx(1 - 0.25 / pixels.var(0, correction=0).mean().item())


def test_a_fit_of_points_is_tested_in_the_datas_units(points):
    scaled = points.samples * torch.tensor([1.0, 1000.0])
    split = Split(scaled, normalization=Normalization.of(scaled))
    answers = split.normalized[:, -1:]
    assert torch.allclose(fitting.expected(split, answers), scaled[:, -1:], rtol=1e-5)
    deviation = split.normalization.deviation[1]
    assert fitting.test(models.Judges([Answers(answers + 0.5)]), split)["rmse"] == pytest.approx(
        0.5 * deviation, rel=1e-4
    )
    plain = fitting.test(models.Judges([Answers(points.samples[:, -1:] + 0.5)]), points)
    assert plain["rmse"] == pytest.approx(0.5)
    variance = points.samples[:, 1].var(correction=0).item()
    assert plain["variance_explained"] == pytest.approx(1 - 0.25 / variance, rel=1e-4)
    one = Split(points.samples[:, :1])  # there is nothing to predict it by
    assert fitting.test(models.Judges([Answers(one.samples.mean(0).expand(50, 1))]), one).keys() == {"rmse"}


def test_several_answer_by_their_mean_and_their_spread_is_said(points):
    off = [models.Judges([Answers(points.samples[:, -1:] + by)]).members[0] for by in (0.5, -0.1)]
    found = fitting.test(models.Judges(off), points)
    assert (found["rmse"], found["rmse_spread"]) == (pytest.approx(0.2), pytest.approx(0.4 / 2**0.5))
    assert found.keys() == {name + end for name in ("rmse", "variance_explained") for end in ("", "_spread")}


def test_one_that_gives_all_the_same_answer_is_refused(points, images):
    for split, answers in ((points, torch.zeros(50, 1)), (images, torch.ones(80, 10))):
        with pytest.raises(UserError, match=r"it gives the same answer to whatever it sees; lower judge\.lr"):
            fitting.test(models.Judges([Answers(answers)]), split)


def test_samples_that_are_all_the_same_have_one_answer_and_explain_nothing(images):
    same = Split(images.samples[:1].expand(80, -1, -1, -1))
    answers = same.normalized.flatten(1)
    members = [Answers(answers), Answers(answers + 0.1)]
    found = fitting.test(models.Judges(members), same)
    assert found["variance_explained"] <= 0
    assert all(map(math.isfinite, found.values()))
    assert fitting.weakness(found, same) is not None


@pytest.mark.parametrize(
    ("known", "weak"), [(0.1, True), (0.15, True), (0.18, False), (1.0, False)]
)  # of ten equal classes; two standard errors of 80 images are 0.067
def test_a_classifier_must_beat_the_largest_class_by_more_than_chance(known, weak, images):
    assert fitting.compared(images) == {"largest_class": 0.1}
    why = fitting.weakness({"accuracy": known, "loss": 1.0}, images)
    assert (why is not None) == weak
    if why is not None:
        assert (
            f"no better than always naming the largest class: its accuracy on test images is {known}" in why
        )
        assert "has 0.1, and by chance up to 0.167" in why


def test_of_uneven_classes_the_largest_may_be_most(images):
    uneven = Split(images.samples, torch.where(torch.arange(80) < 72, 0, 1))
    assert fitting.compared(uneven) == {"largest_class": 0.9}
    assert fitting.weakness({"accuracy": 0.92}, uneven) is not None
    assert fitting.weakness({"accuracy": 0.99}, uneven) is None


@pytest.mark.parametrize(("explained", "weak"), [(-40.7, True), (0.0, True), (0.01, False)])
def test_who_predicts_numbers_must_beat_their_mean(explained, weak, points, images):
    for split in (points, Split(images.samples)):
        assert fitting.compared(split) == {}
        why = fitting.weakness({"rmse": 1.0, "variance_explained": explained}, split)
        assert (why is not None) == weak
        assert why is None or f"no better than the mean: it explains {explained:.3g} of the variance" in why
    assert fitting.weakness({"rmse": 1.0}, Split(points.samples[:, :1])) is None
