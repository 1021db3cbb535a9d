"""Scores as a file of flat names and numbers, and the meaning of each score."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stages.gan.core import numbers

Scores = dict[str, float]

REAL_SUFFIX, NOISE_SUFFIX = "_real", "_noise"  # of the names of a score's two baselines
SPREAD_SUFFIX = "_spread"  # standard deviation: of a score over the judges, of a baseline over random draws
CLASS_SHARE = "class_share_"  # followed by the class: its share of the samples

Better = Literal["low", "high", "zero", "half", "one", "none"]


@dataclass(frozen=True)
class Meaning:
    """The title of a score in tables and figures, which value is best, and a short description.

    Attributes:
        title: in a few words.
        better: which value is best; none: the score describes a run, but does not measure quality.
        about: a description, with its source.
        least: the lowest possible value; None: there is no bound.
        most: the highest possible value, likewise.
        of: for a distance that depends on the number of samples: a block of them, or all.
        kind: of the samples that can have it; empty: any.
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
    "none": "does not measure quality",
}
ARROWS: dict[Better, str] = {
    "low": "↓", "high": "↑", "zero": "→ 0", "half": "→ 0.5", "one": "→ 1", "none": ""
}  # fmt: skip
BEST: dict[Better, float] = {"zero": 0.0, "half": 0.5, "one": 1.0}  # the distance from it counts

# The scores of runs, in the order of the tables. A file has those that fit its data.
MEANINGS = {
    "fid_judge": Meaning(
        "Fréchet distance",
        "low",
        "between Gaussians fitted to the judge's features (Heusel et al. 2017)",
        of="block",
        kind="images",
    ),
    "fid_judge_all": Meaning(
        "Fréchet distance, all samples", "low", "the same for all samples at once", of="all", kind="images"
    ),
    "fid_inception": Meaning(
        "Fréchet distance, Inception",
        "low",
        "the same with the features of Inception-V3, for all samples at once, as papers report it",
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
        "the same between samples made for a class and the real ones of that class, mean over the classes",
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
        "Fréchet distance, all samples", "low", "the same for all samples at once", of="all", kind="points"
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
        "share of 50 bins of the real range of x1 with at least a tenth of an equal share of the samples",
        most=1,
        kind="points",
    ),
    "judge_error": Meaning(
        "distance to the judge's fit", "low", "mean |x2 - the judge's prediction from x1|", kind="points"
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
        "number of real neighbourhoods of a sample, over k; about 1 for real samples (Naeem et al. 2020)",
    ),
    "coverage": Meaning(
        "coverage", "high", "share of real neighbourhoods with a sample in them (Naeem et al. 2020)", most=1
    ),
    "nn_accuracy": Meaning(
        "1-NN accuracy",
        "half",
        "accuracy of a nearest-neighbour classifier of real and generated (Lopez-Paz & Oquab 2017)",
        most=1,
    ),
    "class_accuracy": Meaning(
        "accuracy of classes",
        "high",
        "share of samples that the judge puts into the class they were made for (Shmelkov et al. 2018)",
        most=1,
        kind="images",
    ),
    "confidence": Meaning(
        "judge's confidence", "high", "its mean probability of the class it predicts", most=1, kind="images"
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
        "on real test images, of a classifier trained on the samples, which the judge has labelled "
        "(CAS, Ravuri & Vinyals 2019)",
        most=1,
        kind="images",
    ),
    "class_entropy": Meaning(
        "class entropy", "high", "of the shares of the classes, over its maximum", most=1, kind="images"
    ),
    "classes_covered": Meaning(
        "classes covered", "high", "number of classes with at least a tenth of an equal share", kind="images"
    ),
    "diversity": Meaning("diversity", "one", "total variance of the samples over that of the real data"),
    "near_copies": Meaning(
        "near copies",
        "none",
        "share of samples nearer to a training sample than 99% of the test samples are",
        most=1,
    ),
    "exact_copies": Meaning("exact copies", "none", "share of samples that equal a training sample", most=1),
    "distinct": Meaning("distinct", "none", "share of samples that remain without repetitions", most=1),
}

NEED_LABELS = ("confidence", "classifier_score", "cas", "class_entropy", "classes_covered")
NEED_CONDITION = ("fid_judge_classes_all", "class_accuracy")
NEED_CURVE = ("curve_distance", "curve_share")
NEED_FUNCTION = ("x1_coverage", "judge_error")  # they expect x1 all over its range, and x2 to follow from it

PRIMARY = ("fid_judge", "energy_distance")  # for images, for points: the score that decides by default

# A run has collapsed if one of these scores is below this share of the score of real samples,
COLLAPSED_BELOW = {
    "classes_covered": 0.5,
    "class_entropy": 0.5,
    "x1_coverage": 0.5,
    "recall": 0.25,
    "coverage": 0.25,
}
COLLAPSED_DIVERSITY = 0.1  # or if its diversity is below this
COLLAPSE = (
    "classes_covered, class_entropy or x1_coverage is below half of the score of real samples, or recall or "
    "coverage below a quarter, or diversity below 0.1"
)

# The most important scores, for tables with room for a few.
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
    """The share of each class, in their order, without baselines; empty for points."""
    return [
        score
        for name, score in scores.items()
        if name.startswith(CLASS_SHARE) and name.removeprefix(CLASS_SHARE).isdecimal()
    ]


def without_judge(scores: Iterable[str]) -> list[str]:
    """The scores of a run that do not depend on the judge.

    For images, these are the scores of other networks and those that do not measure quality; for points, all
    but one.
    """
    names = list(scores)
    by_others = ("fid_inception", "fid_features")
    if "fid_judge" in names:
        return [name for name in names if name in by_others or MEANINGS[name].better == "none"]
    return [name for name in names if name != "judge_error"]


def collapse(scores: Mapping[str, float], real: Mapping[str, float]) -> list[str]:
    """The scores that show a collapse, to a few samples or to a part of the data; empty if there is none.

    See :data:`COLLAPSE`; scores that are left out do not count.

    Args:
        scores: of the samples.
        real: of as many real samples.
    """
    known = {name: share for name, share in COLLAPSED_BELOW.items() if name in scores}
    low = [name for name, share in known.items() if scores[name] < share * real[name]]
    return low + (["diversity"] if scores.get("diversity", 1) < COLLAPSED_DIVERSITY else [])


def collapsed(scores: Mapping[str, float], real: Mapping[str, float]) -> bool | None:
    """Whether samples have collapsed, see :func:`collapse`.

    None: unknown. There is only diversity, and it does not detect a collapse to a few of the real samples.
    """
    if collapse(scores, real):
        return True
    return False if any(name in scores for name in COLLAPSED_BELOW) else None


def of_samples(scores: Scores) -> Scores:
    """Of scores as a file has them, those of the samples: no baselines, and no spreads."""
    return {
        name: value
        for name, value in scores.items()
        if not name.endswith((REAL_SUFFIX, NOISE_SUFFIX, SPREAD_SUFFIX))
    }


def in_mlflow(name: str) -> str:
    """The name of a score in MLflow. A slash puts the shares of the classes into a group of their own."""
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
