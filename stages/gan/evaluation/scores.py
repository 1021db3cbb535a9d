"""Scores as a file, flat names to numbers; and what each of them means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stages.gan.core import numbers

Scores = dict[str, float]

REAL_SUFFIX, NOISE_SUFFIX = "_real", "_noise"  # endings of a score's two baselines in the file
SPREAD_SUFFIX = "_spread"  # of a score: its standard deviation over the judges; of a baseline: over draws
CLASS_SHARE = "class_share_"  # and then the class: its share of the samples

Better = Literal["low", "high", "zero", "half", "one", "none"]


@dataclass(frozen=True)
class Meaning:
    """What a score is called in tables and figures, what is better, and a few words about it.

    Attributes:
        title: in a few words.
        better: which value is best; none: it describes a run, and is no score of quality.
        about: in a sentence, with its source.
        least: that it can be; None: there is no bound.
        most: likewise.
        of: for a distance, whose value depends on it, how many samples it is of: a block of them, or all.
        kind: of the samples that may have it; empty: any.
    """

    title: str
    better: Better
    about: str
    least: float | None = 0
    most: float | None = None
    of: Literal["block", "all", ""] = ""
    kind: Literal["images", "points", ""] = ""


IN_WORDS: dict[Better, str] = {
    "low": "lower is better",
    "high": "higher is better",
    "zero": "0 is best",
    "half": "0.5 is best",
    "one": "1 is best",
    "none": "no score of quality",
}
ARROWS: dict[Better, str] = {
    "low": "↓", "high": "↑", "zero": "→ 0", "half": "→ 0.5", "one": "→ 1", "none": ""
}  # fmt: skip
BEST: dict[Better, float] = {"zero": 0.0, "half": 0.5, "one": 1.0}  # what a score's distance from counts

# The scores that runs are compared by, in the order of the tables. A file has those that its data allow.
MEANINGS = {
    "fid_judge": Meaning(
        "Fréchet distance",
        "low",
        "between Gaussians fitted to the judge's features (Heusel et al. 2017)",
        of="block",
        kind="images",
    ),
    "fid_judge_all": Meaning(
        "Fréchet distance, all samples", "low", "the same of all samples at once", of="all", kind="images"
    ),
    "fid_inception": Meaning(
        "Fréchet distance, Inception",
        "low",
        "the same with the features of Inception-V3, of all samples at once, as papers report it",
        of="all",
        kind="images",
    ),
    "fid_features": Meaning(
        "Fréchet distance, named features",
        "low",
        "the same with the features of the network in the file that evaluate.features names",
        of="all",
        kind="images",
    ),
    "fid_judge_classes_all": Meaning(
        "Fréchet distance within classes",
        "low",
        "the same between the samples that were told a class and the real ones of that class, on average",
        of="all",
        kind="images",
    ),
    "kid_judge": Meaning(
        "kernel distance",
        "zero",
        "squared MMD of the judge's features, cubic kernel, unbiased (Bińkowski et al. 2018)",
        least=None,
        of="block",
        kind="images",
    ),
    "frechet_distance": Meaning(
        "Fréchet distance",
        "low",
        "between Gaussians fitted to standardised points",
        of="block",
        kind="points",
    ),
    "frechet_distance_all": Meaning(
        "Fréchet distance, all samples", "low", "the same of all samples at once", of="all", kind="points"
    ),
    "kernel_distance": Meaning(
        "kernel distance",
        "zero",
        "squared MMD of standardised points, cubic kernel, unbiased",
        least=None,
        of="block",
        kind="points",
    ),
    "energy_distance": Meaning(
        "energy distance", "low", "of standardised points (Székely & Rizzo 2013)", of="block", kind="points"
    ),
    "sliced_wasserstein": Meaning(
        "sliced Wasserstein",
        "low",
        "mean distance of projections of standardised points (Bonneel et al. 2015)",
        of="block",
        kind="points",
    ),
    "curve_distance": Meaning("distance to the curve", "low", "mean |x2 - sin x1|", kind="points"),
    "curve_share": Meaning(
        "on the curve", "high", "share of samples within 0.05 of it", most=1, kind="points"
    ),
    "x1_coverage": Meaning(
        "coverage of x1",
        "high",
        "share of 50 bins of the real range with a tenth of their fair share of the samples",
        most=1,
        kind="points",
    ),
    "judge_error": Meaning(
        "distance to the judge's fit", "low", "mean |x2 - the judge's x2 given x1|", kind="points"
    ),
    "precision": Meaning(
        "precision",
        "high",
        "share of samples within the real ones' neighbourhoods (Kynkäänniemi et al. 2019)",
        most=1,
    ),
    "recall": Meaning(
        "recall",
        "high",
        "share of real ones within the samples' neighbourhoods (Kynkäänniemi et al. 2019)",
        most=1,
    ),
    "density": Meaning(
        "density",
        "high",
        "how many real neighbourhoods hold a sample, over k; about 1 for real ones (Naeem et al. 2020)",
    ),
    "coverage": Meaning(
        "coverage", "high", "share of real neighbourhoods that hold a sample (Naeem et al. 2020)", most=1
    ),
    "nn_accuracy": Meaning(
        "1-NN accuracy",
        "half",
        "how often the nearest other one tells whether a sample is real (Lopez-Paz & Oquab 2017)",
        most=1,
    ),
    "class_accuracy": Meaning(
        "accuracy of classes",
        "high",
        "share of samples that the judge takes for the class they were told (Shmelkov et al. 2018)",
        most=1,
        kind="images",
    ),
    "confidence": Meaning(
        "judge's confidence", "high", "its mean probability for the class it picks", most=1, kind="images"
    ),
    "classifier_score": Meaning(
        "classifier score",
        "high",
        "the Inception score's formula with the judge (Salimans et al. 2016)",
        least=1,
        kind="images",
    ),
    "cas": Meaning(
        "classification accuracy",
        "high",
        "on real test images, of a classifier that learns from the samples, labelled by the judge "
        "(CAS, Ravuri & Vinyals 2019)",
        most=1,
        kind="images",
    ),
    "class_entropy": Meaning(
        "class entropy", "high", "of the classes' shares, over its maximum", most=1, kind="images"
    ),
    "classes_covered": Meaning(
        "classes covered", "high", "with at least a tenth of their fair share", kind="images"
    ),
    "diversity": Meaning("diversity", "one", "the samples' total variance over the real data's"),
    "near_copies": Meaning(
        "near copies",
        "none",
        "share of samples nearer to a training sample than 99% of the test samples are",
        most=1,
    ),
    "exact_copies": Meaning("exact copies", "none", "share of samples that are training samples", most=1),
    "distinct": Meaning("distinct", "none", "share of samples that are left without repetitions", most=1),
}

NEED_LABELS = ("confidence", "classifier_score", "cas", "class_entropy", "classes_covered")
NEED_CONDITION = ("fid_judge_classes_all", "class_accuracy")
NEED_CURVE = ("curve_distance", "curve_share")

PRIMARY = ("fid_judge", "energy_distance")  # of images, of points: what decides where no other is named

# A run has collapsed where one of these scores is below such a share of what real samples have,
COLLAPSED_BELOW = {
    "classes_covered": 0.5,
    "class_entropy": 0.5,
    "x1_coverage": 0.5,
    "recall": 0.25,
    "coverage": 0.25,
}
COLLAPSED_DIVERSITY = 0.1  # or where its samples have less of the real ones' variance
COLLAPSE = (
    "classes_covered, class_entropy or x1_coverage is below half of what real samples have, or recall or "
    "coverage below a quarter, or diversity below 0.1"
)

# The few that say most of a run, where there is room for a few.
MAIN = (
    "fid_judge",
    "energy_distance",
    "curve_distance",
    "x1_coverage",
    "precision",
    "recall",
    "coverage",
)


def class_shares(scores: Mapping[str, float]) -> list[float]:
    """The share of each class, in their order; without baselines, and empty for points."""
    return [
        score
        for name, score in scores.items()
        if name.startswith(CLASS_SHARE) and name.removeprefix(CLASS_SHARE).isdecimal()
    ]


def without_judge(scores: Iterable[str]) -> list[str]:
    """Those of a run's scores that are worth as much, whatever the judge knows.

    Of images these are what other networks see, and what says nothing of quality; of points, all but one.
    """
    names = list(scores)
    by_others = ("fid_inception", "fid_features")
    if "fid_judge" in names:
        return [name for name in names if name in by_others or MEANINGS[name].better == "none"]
    return [name for name in names if name != "judge_error"]


def collapse(scores: Mapping[str, float], real: Mapping[str, float]) -> list[str]:
    """By which scores samples have collapsed, to a few or to a part of the real ones; none: they have not.

    They have where :data:`COLLAPSE`, as far as there are these scores.

    Args:
        scores: of the samples.
        real: of as many real samples.
    """
    known = {name: share for name, share in COLLAPSED_BELOW.items() if name in scores}
    low = [name for name, share in known.items() if scores[name] < share * real[name]]
    return low + (["diversity"] if scores.get("diversity", 1) < COLLAPSED_DIVERSITY else [])


def collapsed(scores: Mapping[str, float], real: Mapping[str, float]) -> bool | None:
    """Whether samples have collapsed, see :func:`collapse`.

    None: not by diversity, which does not see a collapse to a few of the real ones, and no other is there.
    """
    if collapse(scores, real):
        return True
    return False if any(name in scores for name in COLLAPSED_BELOW) else None


def in_mlflow(name: str) -> str:
    """A score's name in MLflow: a slash groups those in its charts that would crowd out the rest."""
    if name.endswith(SPREAD_SUFFIX):
        return f"spread/{name.removesuffix(SPREAD_SUFFIX)}"
    return name.replace(CLASS_SHARE, "share/class_")


def save(path: Path, scores: Scores) -> Scores:
    """Write scores as JSON; see :func:`stages.gan.core.numbers.save`.

    Returns:
        The rounded scores.

    Raises:
        UserError: one is not finite.
    """
    why = "the samples are too far from the real ones to score; train again, with a lower train.lr"
    return numbers.save(path, scores, why)
