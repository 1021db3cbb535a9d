import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from stages.gan.core import params
from stages.gan.core.datasets import Dataset, Split
from stages.gan.evaluation import baselines, blocks, copies, scores, scoring
from stages.gan.evaluation.extractors import Extractor
from stages.gan.evaluation.reference import Reference
from stages.gan.evaluation.scores import MEANINGS, NOISE_SUFFIX, REAL_SUFFIX, SPREAD_SUFFIX
from stages.gan.evaluation.scoring import load_samples
from stages.gan.evaluation.view import View
from stages.gan.judges import models
from stages.runtime.errors import UserError

POINTS = Split(torch.zeros(5, 2))
OF_JUDGES = {
    *("fid_judge", "fid_judge_all", "kid_judge", "precision", "recall", "density", "coverage", "nn_accuracy"),
    *("confidence", "classifier_score", "class_entropy", "classes_covered", "diversity"),
}
COPIES = {"near_copies", "exact_copies", "distinct"}
IMAGE_SCORES = OF_JUDGES | COPIES | {"cas", "collapsed"} | {f"class_share_{digit}" for digit in range(10)}
POINT_SCORES = COPIES | {
    *("frechet_distance", "frechet_distance_all", "kernel_distance", "energy_distance", "nn_accuracy"),
    *("sliced_wasserstein", "precision", "recall", "density", "coverage", "x1_coverage", "curve_distance"),
    *("curve_share", "judge_error", "diversity", "collapsed"),
}
WHOLE = {"fid_judge_all", "frechet_distance_all", "cas"}  # whose baseline is no mean over draws
CNN = params.CnnJudge(
    network="cnn", channels=[4], features=16, epochs=10, batch_size=24, lr=0.02, seed=0, count=2
)
MLP = params.MlpJudge(network="mlp", hidden=[4], epochs=1, batch_size=8, lr=0.01, seed=1, count=2)


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
def classifiers(digits) -> models.Judges:
    judges = [
        models.ImageJudge((1, 8, 8), [4], 16, 10, torch.Generator().manual_seed(seed)) for seed in (0, 1)
    ]
    x = digits.train.samples.float() / 127.5 - 1
    for judge in judges:
        list(models.fit(judge, x, digits.train.labels, epochs=10, batch_size=24, lr=0.02, seed=0))
    return models.Judges(judges)


@pytest.fixture(scope="module")
def sine() -> Dataset:
    def points(seed: int) -> Split:
        x1 = torch.rand(256, generator=torch.Generator().manual_seed(seed)) * 2 * math.pi
        return Split(torch.stack([x1, x1.sin()], 1))

    return Dataset(points(0), points(1))


class Sine(torch.nn.Linear):
    """A judge of points that knows the answer, or one that is off by as much everywhere."""

    def __init__(self, off: float = 0) -> None:
        super().__init__(1, 1)
        self.architecture = {"network": "mlp"}
        self.off = off

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sin() + self.off


@pytest.fixture(scope="module")
def images(digits, classifiers) -> scoring.Known:
    return scoring.Known(digits, classifiers, "", CNN, "digits")


@pytest.fixture(scope="module")
def points(sine) -> scoring.Known:
    return scoring.Known(sine, models.Judges([Sine(0.1), Sine(-0.3)]), "", MLP, "sine")


@pytest.fixture(scope="module", params=["images", "points"])
def score(request):
    """Scores of samples of either kind, and the real data; references are made once."""
    known = request.getfixturevalue(request.param)
    made = {}

    def work(samples: torch.Tensor) -> tuple[scores.Scores, torch.Tensor]:
        size = scoring.block_size(known.real, len(samples))
        if size not in made:
            made[size] = scoring.prepare(known, len(samples))
        return scoring.score(samples, known, made[size])

    return work, known.real


def test_every_score_has_its_baselines_and_those_of_judges_their_spread(score):
    work, real = score
    found, answers = work(real.train.samples)
    labelled = real.train.labels is not None
    names = IMAGE_SCORES if labelled else POINT_SCORES
    by_judge = OF_JUDGES if labelled else {"judge_error"}
    graded = names - {"collapsed"}
    baselines = {name + ending for name in graded for ending in (REAL_SUFFIX, NOISE_SUFFIX)}
    baselines |= {name + REAL_SUFFIX + SPREAD_SUFFIX for name in graded - WHOLE}
    assert set(found) == names | baselines | {name + SPREAD_SUFFIX for name in by_judge}
    assert all(math.isfinite(value) for value in found.values())
    assert len(answers) == len(real.train)


def test_scores_are_the_mean_over_the_judges(digits, classifiers):
    samples = digits.test.samples
    every = []
    for judges in ([classifiers.members[0]], [classifiers.members[1]], list(classifiers.members)):
        known = scoring.Known(digits, models.Judges(judges), "", CNN, "digits")
        every.append(scoring.score(samples, known, scoring.prepare(known, len(samples)))[0])
    for name in OF_JUDGES:
        alone = [found[name] for found in every[:2]]
        assert every[2][name] == pytest.approx(sum(alone) / 2), name
        assert every[2][name + SPREAD_SUFFIX] == pytest.approx(abs(alone[0] - alone[1]) / math.sqrt(2))
        assert name + SPREAD_SUFFIX not in every[0]


def test_of_images_the_answers_are_probabilities(images):
    samples = images.real.test.samples
    _, answers = scoring.score(samples, images, scoring.prepare(images, len(samples)))
    assert torch.allclose(answers.sum(1), torch.ones(120))
    assert (answers.argmax(1) == images.real.test.labels).double().mean() > 0.9


def test_of_points_the_answers_are_the_mean_of_what_judges_expect(points):
    samples = points.real.test.samples
    found, answers = scoring.score(samples, points, scoring.prepare(points, len(samples)))
    assert torch.allclose(answers, samples[:, :1].sin() - 0.1, atol=1e-6)
    assert found["judge_error"] == pytest.approx(0.2, abs=1e-6)  # one is off by 0.1, one by 0.3
    assert found["judge_error_spread"] == pytest.approx(0.2 / math.sqrt(2), abs=1e-6)


@pytest.mark.parametrize("kind", ["images", "points"])
def test_the_work_is_counted_as_it_was_announced(kind, request):
    known = request.getfixturevalue(kind)
    samples = torch.cat([known.real.train.samples, known.real.test.samples])
    counted = []
    reference = scoring.prepare(known, len(samples), lambda: counted.append(1))
    assert len(counted) == scoring.parts_of_reference(known, len(samples))
    counted.clear()
    scoring.score(samples, known, reference, lambda: counted.append(1))
    assert len(counted) == scoring.parts(reference, samples)


def test_real_data_score_better_than_noise(score):
    work, real = score
    found, _ = work(real.test.samples)
    # As noise may be, too; and noise in a box covers the curve.
    spread_out = {"class_entropy", "classes_covered", "classifier_score", "x1_coverage"}
    spread_out |= {"recall"} if real.train.labels is None else {"density"}  # 16 features: few directions
    for name in MEANINGS.keys() & found.keys() - spread_out:
        of_real, of_noise = found[name + REAL_SUFFIX], found[name + NOISE_SUFFIX]
        match MEANINGS[name].better:
            case "low":
                assert of_real < of_noise, name
            case "high":
                assert of_real > of_noise, name
            case "one" | "half" | "zero":
                best = scores.BEST[MEANINGS[name].better]
                assert abs(of_real - best) < abs(of_noise - best), name
    assert found["collapsed"] == 0


def test_the_test_split_scores_as_its_random_draws_do(score):
    work, real = score
    found, _ = work(real.test.samples)
    for name in MEANINGS.keys() & found.keys() - WHOLE - {"classes_covered"}:
        spread = found[name + REAL_SUFFIX + SPREAD_SUFFIX]
        assert abs(found[name] - found[name + REAL_SUFFIX]) <= 3.5 * spread, name


def test_planted_copies_are_counted(score):
    work, real = score
    found, _ = work(torch.cat([real.train.samples[:60], real.test.samples[:60] + 1]))
    assert found["exact_copies"] == pytest.approx(0.5, abs=0.02)
    assert found["near_copies"] >= found["exact_copies"]
    assert found["near_copies_real"] < 0.03
    assert found["exact_copies_real"] == 0


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
    assert back == {name: pytest.approx(value, rel=1e-5, abs=1e-6) for name, value in there.items()}
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


def test_a_score_is_the_mean_over_blocks(points):
    real = points.real
    reference = scoring.prepare(points, 356)
    assert reference.block == 128
    samples = torch.cat([real.test.samples, real.test.samples[:100] + 0.1])
    order = blocks.order(samples)
    scorer = points.scorer(128, reference.views)
    parts = [scorer(part).scores for part in samples[order][:256].split(128)]
    found, _ = scoring.score(samples, points, reference)
    for name in ("frechet_distance", "precision", "energy_distance", "x1_coverage"):
        assert found[name] == pytest.approx((parts[0][name] + parts[1][name]) / 2, rel=1e-9)
    whole = points.scorer(356, points.views(256))(samples[order]).scores
    assert found["frechet_distance_all"] == pytest.approx(whole["frechet_distance"], rel=1e-9)


def test_points_with_no_known_curve_are_not_held_against_one(sine):
    known = scoring.Known(sine, models.Judges([Sine()]), "", MLP, "array")
    found, _ = scoring.score(sine.test.samples, known, scoring.prepare(known, 256))
    assert not [name for name in found if name.startswith("curve")]


def test_scores_of_a_function_are_left_out_of_a_ring_and_kept_of_a_curve(points):
    random = torch.Generator().manual_seed(0)
    angles = torch.randint(8, (1000,), generator=random) * math.pi / 4
    centres = torch.stack([angles.cos(), angles.sin()], 1)
    found = scoring.prepare(table(centres + 0.05 * torch.randn(1000, 2, generator=random)), 400)
    assert found.left_out.keys() == {"x1_coverage", "judge_error"}
    assert not [name for name in found.baselines if name.startswith(("x1_coverage", "judge_error"))]
    assert not scoring.prepare(points, 128).left_out


def test_a_single_repeated_sample_has_collapsed(score):
    work, real = score
    one = real.train.samples[:1].expand_as(real.test.samples).clone()
    found, _ = work(one)
    assert found["collapsed"] == 1
    assert found["distinct"] == 2 / len(one)  # in each of two blocks


OF_TIES = {"precision", "recall", "density", "coverage", "nn_accuracy", "near_copies"}
OF_COPIES = {"near_copies", "exact_copies", "nn_accuracy"}


def table(values: torch.Tensor) -> scoring.Known:
    """A table of which a fifth is the test split, and a judge that is not asked."""
    real = Dataset(*(Split(part.float()) for part in values.split(len(values) * 4 // 5)))
    return scoring.Known(real, models.Judges([Sine()]), "", MLP, "array")


def whole(*shape: int, low: int = 0, high: int = 100) -> torch.Tensor:
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("values", "left_out"),
    [
        (whole(1000, 1, low=1, high=6), OF_TIES | OF_COPIES | {"x1_coverage"}),
        (whole(1000, 2, low=1, high=6), OF_TIES | OF_COPIES | {"x1_coverage", "judge_error"}),
        (whole(1000, 2, high=5000).float() * 0.1, {"judge_error"}),
        (whole(1000, 5), {"judge_error"}),
        (whole(1000, 1), {"density"} | OF_COPIES),
        (whole(1000, 2), {"near_copies", "judge_error"}),  # the nearest of other rows are just one apart
    ],
)
def test_of_whole_numbers_what_ties_decide_is_left_out(values, left_out):
    known = table(values)
    reference = scoring.prepare(known, 1000)
    assert set(reference.left_out) == left_out
    noise = known.real.train.samples + 0.2
    found, _ = scoring.score(noise, known, reference)
    assert not [name for name in found if name.startswith(tuple(left_out))]
    assert {"energy_distance", "sliced_wasserstein", "diversity", "distinct"} <= set(found)
    if "density" not in left_out:
        assert found["density_real"] > 0.8
    assert ("collapsed" in found) == (not {"recall", "coverage", "x1_coverage"} <= left_out)


def test_a_table_of_ratings_that_collapses_to_one_is_told_by_its_diversity(points):
    known = table(whole(1000, 2, low=1, high=6))
    found, _ = scoring.score(torch.full((400, 2), 3.0), known, scoring.prepare(known, 400))
    assert found["collapsed"] == 1


@pytest.mark.parametrize("kind", ["images", "points"])
def test_what_is_there_four_times_tells_no_copies(kind, request):
    known = request.getfixturevalue(kind)
    train, test = known.real.splits
    real = Dataset(replace(train, samples=torch.cat([test.samples, train.samples])[: len(train)]), test)
    found = scoring.prepare(replace(known, real=real), 100)
    assert set(found.left_out) - {"density"} == OF_COPIES  # the fifth neighbour is there again, just as far
    assert all(
        "100% of the test samples are training samples" in why for why in map(found.left_out.get, OF_COPIES)
    )
    assert not [name for name in found.baselines if name.startswith(tuple(OF_COPIES))]
    half = torch.cat([test.samples[: len(test) // 2], train.samples])[: len(train)]
    assert (
        scoring.prepare(replace(known, real=replace(real, train=replace(train, samples=half))), 100).left_out
        == {}
    )


def test_by_a_judge_of_images_that_knows_nothing_there_is_no_verdict(images, points):
    """64 equal images were no collapse to one that explained -40.7 of the variance."""
    equal = images.real.test.samples[:1].repeat(64, 1, 1, 1)
    for known, told in ((images, True), (replace(images, weakness="it explains -40.7"), False)):
        found, _ = scoring.score(equal, known, scoring.prepare(known, 64))
        assert found.get("collapsed") == (1 if told else None)
        assert "fid_judge" in found
    known = replace(points, weakness="it explains -40.7")
    found, _ = scoring.score(points.real.test.samples, known, scoring.prepare(known, 256))
    assert found["collapsed"] == 0  # no judge is asked for it


def test_images_that_are_all_the_same_have_scores_all_the_same(images):
    one, (train, test) = images.real.train.samples[:1], images.real.splits
    same = (replace(split, samples=one.repeat(len(split), 1, 1, 1)) for split in (train, test))
    real = Dataset(*same)
    known = replace(images, real=real)
    reference = scoring.prepare(known, 100)
    assert set(reference.left_out) == OF_TIES | OF_COPIES | {"diversity"}
    found, _ = scoring.score(images.real.train.samples, known, reference)
    assert all(math.isfinite(value) for value in found.values())


def test_of_many_test_samples_and_samples_some_are_searched(points, monkeypatch):
    searched = []
    nearest = copies.nearest_distances
    monkeypatch.setattr(
        copies, "nearest_distances", lambda *sets: searched.append(tuple(map(len, sets))) or nearest(*sets)
    )
    monkeypatch.setattr(baselines, "MOST", 200)
    monkeypatch.setattr(copies, "MOST", 90)
    reference = scoring.prepare(points, 300)
    scoring.score(points.real.train.samples.repeat(2, 1), points, reference)
    assert searched == [(200, 256), (128, 256), (90, 256)]  # test samples, noise, samples
    assert scoring.parts_of_reference(points, 300) == 10 + 1 + 2
    bounded = baselines.bounded(points.real)
    assert len(bounded.test) == 200
    assert torch.equal(bounded.test.samples, baselines.bounded(points.real).test.samples)
    assert baselines.bounded(bounded) is bounded


def test_what_depends_on_the_number_of_samples_goes_by_blocks_as_its_baseline_does(images):
    reference = scoring.prepare(images, 10_000)
    samples = images.real.test.samples[:60]
    few, _ = scoring.score(samples, images, reference)
    many, _ = scoring.score(samples.repeat(4, 1, 1, 1), images, reference)
    for name in ("class_entropy", "classes_covered", "distinct"):
        assert many[name] <= few[name] + 1e-9, name  # more of the same are not more


@pytest.mark.parametrize(("test", "block"), [(2, 2), (3, 2), (10, 5), (256, 128)])
def test_a_block_is_half_of_the_test_split(sine, test, block):
    real = Dataset(sine.train, Split(sine.test.samples[:test]))
    assert scoring.block_size(real, 10_000) == block
    known = scoring.Known(real, models.Judges([Sine()]), "", MLP, "sine")
    assert all(math.isfinite(score) for score in scoring.prepare(known, 10_000).baselines.values())


def test_a_reference_is_for_the_judges_the_networks_and_the_number_of_samples_it_is_made_for(points):
    reference = scoring.prepare(points, 200)
    assert scoring.is_for(reference, points, 200)
    assert scoring.is_for(reference, points, 300)  # the blocks are the same
    assert not scoring.is_for(reference, points, 100)
    assert not scoring.is_for(reference, replace(points, md5="another"), 200)
    other = replace(points, extractors={"fid_features": Extractor("a sum", abs)})
    assert not scoring.is_for(reference, other, 200)
    reference = replace(reference, made_by=other.networks)
    assert scoring.is_for(reference, other, 200)
    changed = replace(points, extractors={"fid_features": Extractor("another", abs)})
    assert not scoring.is_for(reference, changed, 200)


def test_a_single_real_sample_is_too_few_to_compare_with(sine):
    small = Dataset(sine.train, Split(sine.test.samples[:1]))
    with pytest.raises(UserError, match="256 training and 1 test samples are too few") as caught:
        scoring.block_size(small, 256)
    assert "\n" not in str(caught.value)


def test_every_score_is_explained(root):
    page = (root / "docs" / "scores.md").read_text()
    for name in IMAGE_SCORES | POINT_SCORES | {"fid_inception", "fid_features"}:
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


def test_images_of_a_wrong_kind_are_refused(tmp_path, digits):
    for wrong in (np.zeros((9, 1, 28, 28), np.uint8), np.zeros((9, 1, 8, 8), np.float32)):
        np.save(tmp_path / "samples.npy", wrong)
        with pytest.raises(UserError, match=r"but 9 samples .* of torch.uint8 \(1, 8, 8\) are needed"):
            load_samples(tmp_path / "samples.npy", digits.train, 9)


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


def test_samples_that_were_told_a_class_are_scored_within_it(digits, classifiers, tmp_path):
    known = scoring.Known(digits, classifiers, "", CNN, "digits", told=True)
    samples, right = digits.train.samples, digits.train.labels
    made = scoring.prepare(known, len(samples))
    made.save(tmp_path / "reference.safetensors")
    made = Reference.load(tmp_path / "reference.safetensors")
    assert scoring.is_for(made, known, len(samples))
    assert not scoring.is_for(made, replace(known, told=False), len(samples))
    swapped = (right + 1) % 10
    good, _ = scoring.score(samples, known, made, told=right)
    bad, _ = scoring.score(samples, known, made, told=swapped)
    assert good["class_accuracy"] == pytest.approx(1, abs=0.02)
    assert bad["class_accuracy"] == pytest.approx(0, abs=0.02)
    assert good["fid_judge_classes_all"] == pytest.approx(0, abs=1e-6)
    assert bad["fid_judge_classes_all"] > 10 * good["fid_judge_classes_all_real"] > 0
    assert bad["fid_judge"] == good["fid_judge"]  # as a whole they are the same
    assert good["class_accuracy_noise"] < 0.5 < good["class_accuracy_real"]
    plain, _ = scoring.score(samples, replace(known, told=False), made)
    assert "class_accuracy" not in plain
    mixed = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))
    again, _ = scoring.score(samples[mixed], known, made, told=right[mixed])
    assert again["class_accuracy"] == good["class_accuracy"]


def test_a_class_is_as_far_from_the_real_one_as_two_gaussians(digits):
    features = torch.randn(240, 4, generator=torch.Generator().manual_seed(0))
    view = View.of(features, 60, images=True, labels=digits.train.labels)
    told = digits.train.labels
    moved = features + torch.tensor([3.0, 0, 0, 0]) * (told == 7).unsqueeze(1)
    found = view.compare_classes(moved, told, "distance")
    assert found["distance"] == pytest.approx(9 / 10, rel=1e-4)  # of ten classes, one has moved by 3
