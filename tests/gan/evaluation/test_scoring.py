import math

import numpy as np
import pytest
import torch

from stages.gan.core.datasets import Dataset, Split
from stages.gan.evaluation import blocks, scores, scoring
from stages.gan.evaluation.point_scorer import PointScorer
from stages.gan.evaluation.scores import MEANINGS, NOISE_SUFFIX, REAL_SUFFIX
from stages.gan.evaluation.scoring import load_samples
from stages.gan.judges import models
from stages.runtime.errors import UserError

POINTS = Split(torch.zeros(5, 2))
IMAGE_SCORES = {
    *("fid_judge", "kid_judge", "kid_judge_spread", "precision", "recall", "density", "coverage"),
    *("confidence", "classifier_score", "class_entropy", "classes_covered", "diversity", "memorisation"),
    *("collapsed", *(f"class_share_{digit}" for digit in range(10))),
}
POINT_SCORES = {
    *("frechet_distance", "kernel_distance", "kernel_distance_spread", "energy_distance"),
    *("sliced_wasserstein", "precision", "recall", "density", "coverage", "x1_coverage", "curve_distance"),
    *("curve_share", "judge_error", "diversity", "memorisation", "collapsed"),
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    """Images that a few strokes in common tell from noise: each is one of ten patterns, a little changed."""
    noise = torch.Generator().manual_seed(0)
    patterns = torch.randint(0, 2, (10, 1, 8, 8), generator=noise) * 200
    labels = torch.arange(10).repeat(36)
    changes = torch.randint(0, 56, (360, 1, 8, 8), generator=noise)
    images = (patterns[labels] + changes).to(torch.uint8)
    return Dataset(Split(images[:240], labels[:240]), Split(images[240:], labels[240:]))


@pytest.fixture(scope="module")
def classifier(digits) -> models.ImageJudge:
    weights = torch.Generator().manual_seed(0)
    judge = models.ImageJudge((1, 8, 8), [4], 16, 10, weights)
    x = digits.train.samples.float() / 127.5 - 1
    list(models.fit(judge, x, digits.train.labels, epochs=10, batch_size=24, lr=0.02, seed=0))
    return judge


@pytest.fixture(scope="module")
def sine() -> Dataset:
    def points(seed: int) -> Split:
        x1 = torch.rand(256, generator=torch.Generator().manual_seed(seed)) * 2 * math.pi
        return Split(torch.stack([x1, x1.sin()], 1))

    return Dataset(points(0), points(1))


class Sine(torch.nn.Linear):
    """A judge of points that knows the answer."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sin()


@pytest.fixture(params=["images", "points"])
def score(request):
    """Scores of samples of either kind, and the real data."""
    if request.param == "images":
        real, judge = request.getfixturevalue("digits"), request.getfixturevalue("classifier")
        return lambda samples: scoring.score(samples, real, judge, "digits"), real
    real = request.getfixturevalue("sine")
    return lambda samples: scoring.score(samples, real, Sine(), "sine"), real


def test_every_score_has_its_baselines(score):
    work, real = score
    found, answers = work(real.train.samples)
    names = IMAGE_SCORES if real.train.labels is not None else POINT_SCORES
    baselines = {name + ending for name in names - {"collapsed"} for ending in (REAL_SUFFIX, NOISE_SUFFIX)}
    assert set(found) == names | baselines
    assert all(math.isfinite(value) for value in found.values())
    assert len(answers) == len(real.train)


def test_of_images_the_answers_are_probabilities(digits, classifier):
    _, answers = scoring.score(digits.test.samples, digits, classifier, "digits")
    assert torch.allclose(answers.sum(1), torch.ones(120))
    assert (answers.argmax(1) == digits.test.labels).double().mean() > 0.9


def test_the_work_is_counted_as_it_was_announced(score):
    _, real = score
    samples = torch.cat([real.train.samples, real.test.samples])
    counted = []
    judge = Sine() if real.train.labels is None else models.ImageJudge((1, 8, 8), [4], 16, 10)
    scoring.score(samples, real, judge, "sine", count=lambda: counted.append(1))
    assert len(counted) == scoring.parts(real, samples)


def test_real_data_score_better_than_noise(score):
    work, real = score
    found, _ = work(real.test.samples)
    # As noise may be, too.
    spread_out = {"class_entropy", "classes_covered", "classifier_score", "x1_coverage"}
    for name in MEANINGS.keys() & found.keys():
        of_real, of_noise = found[name + REAL_SUFFIX], found[name + NOISE_SUFFIX]
        assert found[name] == pytest.approx(of_real, rel=1e-9, abs=1e-9)  # these samples are the test split
        if name not in spread_out:
            match MEANINGS[name].better:
                case "low":
                    assert of_real < of_noise, name
                case "high":
                    assert of_real > of_noise, name
                case "one":
                    assert abs(of_real - 1) < abs(of_noise - 1), name
    assert found["memorisation" + REAL_SUFFIX] == 1
    assert found["collapsed"] == 0


def test_copies_of_training_samples_have_a_memorisation_of_0(score):
    work, real = score
    assert work(real.train.samples)[0]["memorisation"] == 0


def test_scores_do_not_depend_on_the_order_of_samples(score):
    work, real = score
    samples = real.train.samples
    there, answers = work(samples)
    back, reversed_answers = work(samples.flip(0))
    assert back == there
    assert torch.allclose(answers, reversed_answers.flip(0), atol=1e-6)


def test_scores_do_not_depend_on_the_size_of_batches(score, monkeypatch):
    work, real = score
    # Not copies of real ones: where these are, rounding decides who is a neighbour.
    samples = real.test.samples
    there, answers = work(samples)
    predict = models.predict
    monkeypatch.setattr(models, "predict", lambda judge, x: predict(judge, x, batch_size=7))
    back, same = work(samples)
    assert back == {name: pytest.approx(value, rel=1e-6, abs=1e-6) for name, value in there.items()}
    assert torch.allclose(answers, same, atol=1e-6)


def test_the_same_samples_give_the_same_bytes(score, tmp_path):
    work, real = score
    for name in ("a", "b"):
        found, answers = work(real.test.samples)
        scores.save(tmp_path / f"{name}.json", found)
        np.save(tmp_path / f"{name}.npy", answers.numpy())
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_a_few_samples_are_held_against_as_few_real_ones(score):
    work, real = score
    for count in (2, 40):
        found, _ = work(real.train.samples[:count])
        assert all(math.isfinite(value) for value in found.values())
        assert found["memorisation" + REAL_SUFFIX] == 1


def test_a_score_is_the_mean_over_blocks(sine):
    one = PointScorer(sine, Sine(), 256, torch.sin)
    samples = torch.cat([sine.test.samples, sine.train.samples, sine.test.samples[:100] + 0.1])
    order = blocks.order(samples)
    parts = [one._of_block(part, one._see(part), part) for part in samples[order][:512].split(256)]
    found, _ = one(samples)
    for name in ("frechet_distance", "precision", "energy_distance", "x1_coverage"):
        assert found[name] == pytest.approx((parts[0][name] + parts[1][name]) / 2, rel=1e-9)


def test_points_with_no_known_curve_are_not_held_against_one(sine):
    found, _ = scoring.score(sine.test.samples, sine, Sine(), "array")
    assert not [name for name in found if name.startswith("curve")]


def test_a_single_repeated_sample_has_collapsed(score):
    work, real = score
    one = real.train.samples[:1].expand_as(real.test.samples).clone()
    assert work(one)[0]["collapsed"] == 1


def test_a_single_real_sample_is_too_few_to_compare_with(sine):
    small = Dataset(sine.train, Split(sine.test.samples[:1]))
    with pytest.raises(UserError, match="256 training and 1 test samples are too few") as caught:
        scoring.score(sine.test.samples, small, Sine(), "array")
    assert "\n" not in str(caught.value)


def test_every_score_is_explained(root):
    page = (root / "docs" / "scores.md").read_text()
    for name in IMAGE_SCORES | POINT_SCORES | {"fid_inception"}:
        assert f"`{name}`" in page or name.startswith("class_share_"), name


def test_samples_of_the_right_kind_are_read(tmp_path):
    np.save(tmp_path / "samples.npy", np.ones((7, 2), np.float32))
    assert torch.equal(load_samples(tmp_path / "samples.npy", POINTS, 7), torch.ones(7, 2))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros((7, 3), np.float32), r"holds torch.float32 \(7, 3\)"),
        (np.zeros((7, 1, 8, 8), np.uint8), r"holds torch.uint8 \(7, 1, 8, 8\)"),
        (np.zeros(7, np.float32), r"holds torch.float32 \(7,\)"),
        (np.float32(3), r"holds torch.float32 \(\)"),
        (np.zeros((7, 2), np.float64), "holds torch.float64"),
        (np.zeros((1, 2), np.float32), "but 7 samples"),
        (np.zeros((0, 2), np.float32), "but 7 samples"),
        (np.zeros(0, np.float32), "but 7 samples"),
        (np.zeros((8, 2), np.float32), r"but 7 samples \(sample.count\) of torch.float32 \(2,\) are needed"),
        (np.full((7, 2), np.nan, np.float32), "not finite"),
        (np.array(6 * [[0, 1]] + [[0, -np.inf]], np.float32), "not finite"),
        (np.array([{"a": 1}], dtype=object), "not readable samples"),
        (np.array(["text"]), "not readable samples"),
    ],
)
def test_wrong_samples_are_refused_with_one_line(samples, words, tmp_path):
    np.save(tmp_path / "samples.npy", samples)
    with pytest.raises(UserError, match=words) as caught:
        load_samples(tmp_path / "samples.npy", POINTS, 7)
    assert "\n" not in str(caught.value)


def test_images_of_a_wrong_kind_are_refused(tmp_path, images):
    for wrong in (np.zeros((9, 1, 28, 28), np.uint8), np.zeros((9, 1, 8, 8), np.float32)):
        np.save(tmp_path / "samples.npy", wrong)
        with pytest.raises(UserError, match=r"but 9 samples .* of torch.uint8 \(1, 8, 8\) are needed"):
            load_samples(tmp_path / "samples.npy", images, 9)


def test_a_missing_empty_or_cut_file_is_named(tmp_path):
    np.save(tmp_path / "whole.npy", np.zeros((70, 2), np.float32))
    np.savez(tmp_path / "several.npz", np.zeros((70, 2), np.float32))
    whole, several = ((tmp_path / name).read_bytes() for name in ("whole.npy", "several.npz"))
    huge = whole.replace(b"(70, 2), }" + 11 * b" ", b"(9999999999999, 2), }")
    for content in (None, b"", b"\x93NUMPY", whole[:300], b"text", several, several[:60], huge):
        if content is not None:
            (tmp_path / "samples.npy").write_bytes(content)
        with pytest.raises(UserError, match="run the sample stage") as caught:
            load_samples(tmp_path / "samples.npy", POINTS, 7)
        assert "\n" not in str(caught.value)
