"""Scores as a file, flat names to numbers; and what each of them means."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stages.gan.core import numbers

Scores = dict[str, float]

REAL_SUFFIX, NOISE_SUFFIX = "_real", "_noise"  # endings of a score's two baselines in the file
CLASS_SHARE = "class_share_"  # and then the class: its share of the samples


@dataclass(frozen=True)
class Meaning:
    """What a score is called in tables and figures, what is better, and a few words about it."""

    title: str
    better: Literal["low", "high", "zero", "one"]
    about: str


IN_WORDS = {"low": "lower is better", "high": "higher is better", "zero": "0 is best", "one": "1 is best"}

# The scores that runs are compared by, in the order of the tables. A file has those that its data allow.
MEANINGS = {
    "fid_judge": Meaning(
        "Fréchet distance", "low", "between Gaussians fitted to the judge's features (Heusel et al. 2017)"
    ),
    "fid_inception": Meaning(
        "Fréchet distance, Inception",
        "low",
        "the same with the features of Inception-V3, as papers report it",
    ),
    "kid_judge": Meaning(
        "kernel distance",
        "zero",
        "squared MMD of the judge's features, cubic kernel, unbiased (Bińkowski et al. 2018)",
    ),
    "frechet_distance": Meaning("Fréchet distance", "low", "between Gaussians fitted to standardised points"),
    "kernel_distance": Meaning(
        "kernel distance", "zero", "squared MMD of standardised points, cubic kernel, unbiased"
    ),
    "energy_distance": Meaning("energy distance", "low", "of standardised points (Székely & Rizzo 2013)"),
    "sliced_wasserstein": Meaning(
        "sliced Wasserstein",
        "low",
        "mean distance of projections of standardised points (Bonneel et al. 2015)",
    ),
    "curve_distance": Meaning("distance to the curve", "low", "mean |x2 - sin x1|"),
    "curve_share": Meaning("on the curve", "high", "share of samples within 0.05 of it"),
    "x1_coverage": Meaning(
        "coverage of x1",
        "high",
        "share of 50 bins of the real range with a tenth of their fair share of the samples",
    ),
    "judge_error": Meaning("distance to the judge's fit", "low", "mean |x2 - the judge's x2 given x1|"),
    "precision": Meaning(
        "precision",
        "high",
        "share of samples within the real ones' neighbourhoods (Kynkäänniemi et al. 2019)",
    ),
    "recall": Meaning(
        "recall", "high", "share of real ones within the samples' neighbourhoods (Kynkäänniemi et al. 2019)"
    ),
    "density": Meaning(
        "density",
        "high",
        "how many real neighbourhoods hold a sample, over k; about 1 for real ones (Naeem et al. 2020)",
    ),
    "coverage": Meaning(
        "coverage", "high", "share of real neighbourhoods that hold a sample (Naeem et al. 2020)"
    ),
    "confidence": Meaning("judge's confidence", "high", "its mean probability for the class it picks"),
    "classifier_score": Meaning(
        "classifier score", "high", "the Inception score's formula with the judge (Salimans et al. 2016)"
    ),
    "class_entropy": Meaning("class entropy", "high", "of the classes' shares, over its maximum"),
    "classes_covered": Meaning("classes covered", "high", "with at least a tenth of their fair share"),
    "diversity": Meaning("diversity", "one", "the samples' total variance over the real data's"),
    "memorisation": Meaning(
        "memorisation",
        "one",
        "median distance to the nearest training sample over that of real samples held out; 0: copies",
    ),
}

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


def in_mlflow(name: str) -> str:
    """A score's name in MLflow: a slash groups the classes in its charts, which would crowd out the rest."""
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
