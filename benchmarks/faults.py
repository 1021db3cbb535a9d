"""Planted faults: real digits with one thing wrong with them, and what each score makes of it.

``python -m benchmarks.faults`` writes the table into docs/scores.md. It takes half a minute and needs nothing
but scikit-learn's digits.

Half of the digits train the judges and are what samples are compared with. The others are held out; random
sets of 300 of them stand for the samples of a perfect generator, and each fault is planted in some of them.
What a fault changes in a score is given as a share of the way from real data to noise, its two baselines (of
scores that say nothing of quality, which are shares themselves: as it is); and whether it is more than
chance, by the standard deviation of the score over the sets with no fault.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import copysign, inf, sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks import pages
from stages.gan.core import devices, params
from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.randomness import generator
from stages.gan.evaluation import baselines, cas, scoring
from stages.gan.evaluation.scores import MEANINGS, Scores
from stages.gan.judges import fitting
from stages.gan.sources.digits import DigitsSource
from stages.runtime import command

PAGE = Path("docs/scores.md")
START, END = "<!-- made by python -m benchmarks.faults -->", "<!-- end of what it made -->"
SEED = 0
TRAINING = 900  # of the 1,797 digits; the others are held out
COUNT = 300  # images in a set
SETS = 20  # that say what is chance
FAULTY = 6  # of them, that every fault is planted in
STUDENT_EPOCHS = 8  # of the classifier that learns from a set: it is fitted to each
SURE = 2  # standard deviations: a smaller change may be chance
DROPPED = 3  # the digit that one fault leaves out
BLUR = 0.1  # how much of a pixel goes to each of its neighbours, in either direction


@dataclass(frozen=True)
class Fault:
    """What is wrong with a set of images; which score is named for it, and which others must see it.

    Scores in ``worse`` get worse by it; those in ``flattered`` get better, so none is enough alone.
    """

    title: str
    named: str
    worse: Sequence[str]
    flattered: Sequence[str] = ()


_NOISE = ("fid_judge", "fid_judge_all", "precision", "density", "confidence", "nn_accuracy")
FAULTS = (
    Fault("1% noise", "classifier_score", _NOISE),
    Fault("5% noise", "classifier_score", _NOISE),
    Fault("20% noise", "classifier_score", (*_NOISE, "kid_judge", "coverage", "diversity")),
    Fault(
        "one digit dropped",
        "classes_covered",
        ("class_entropy", "coverage", "recall", "classifier_score", "fid_judge", "kid_judge", "cas"),
    ),
    Fault(
        "a quarter one image",
        "class_entropy",
        ("fid_judge", "kid_judge", "classifier_score", "diversity", "coverage", "nn_accuracy", "distinct"),
    ),
    Fault(
        "ten images",
        "collapsed",
        ("recall", "coverage", "nn_accuracy", "distinct", "fid_judge", "kid_judge"),
    ),
    Fault(
        "all one image",
        "classes_covered",
        (
            *("collapsed", "class_entropy", "fid_judge", "kid_judge", "distinct", "cas"),
            *("coverage", "recall", "classifier_score", "diversity", "nn_accuracy"),
        ),
        ("confidence",),
    ),
    Fault("2% copies", "exact_copies", ("near_copies",)),
    Fault("30% copies", "exact_copies", ("near_copies",)),
    Fault("training images", "exact_copies", ("near_copies",), ("fid_judge", "precision", "coverage")),
    Fault(
        "slight blur",
        "nn_accuracy",
        (
            *("recall", "fid_judge", "kid_judge", "precision", "density", "coverage"),
            *("confidence", "classifier_score", "diversity"),
        ),
    ),
)


@dataclass(frozen=True)
class Table:
    """What was found, each by the score's name.

    Args:
        real: mean over the sets without a fault.
        noise: a set of nothing but noise.
        chance: standard deviation over all sets of 300 that could be drawn.
        changes: the mean change by each fault, by its title.
    """

    real: Scores
    noise: Scores
    chance: Scores
    changes: dict[str, Scores]

    def effect(self, fault: str, score: str) -> float:
        """A score's change by a fault, 1 being from real data to noise; infinite if those have the same."""
        change, way = self.changes[fault][score], self.noise[score] - self.real[score]
        if is_share(score):
            return change
        return change / way if way else copysign(inf, change) if change else 0.0

    def most(self, fault: str) -> float:
        """The greatest effect of a fault on the score named for it, and on those that surely change."""
        named = next(known.named for known in FAULTS if known.title == fault)
        scores = (score for score in self.real if score == named or self.is_sure(fault, score))
        effects = (abs(self.effect(fault, score)) for score in scores)
        return max(effect for effect in effects if effect < inf)

    def is_sure(self, fault: str, score: str) -> bool:
        """Whether a change is so great that it is hardly chance, in a single set of 300."""
        return abs(self.changes[fault][score]) > SURE * self.chance[score]


def is_share(score: str) -> bool:
    """Whether a score is a share that says nothing of quality: it is its own scale."""
    return score in MEANINGS and MEANINGS[score].better == "none"


def measure(settings: params.CnnJudge) -> Table:
    """Fit the judges, plant all faults in all sets, and score them."""
    known = _known(settings)
    real, reference = known.real, scoring.prepare(known, COUNT)

    def score(samples: Tensor) -> Scores:
        return _graded(scoring.score(samples, known, reference)[0])

    noise = baselines.noise(real.train.samples, COUNT)
    clean: list[Scores] = []
    changes: dict[str, list[Scores]] = {fault.title: [] for fault in FAULTS}
    for index in range(SETS):
        order = torch.randperm(len(real.test), generator=generator(SEED, "faults", "set", index))
        images, labels = real.test.samples[order], _labels(real.test)[order]
        before = score(images[:COUNT])
        clean.append(before)
        if index >= FAULTY:
            continue
        copied = torch.randperm(len(real.train), generator=generator(SEED, "faults", "copies", index))
        copies = real.train.samples[copied[:COUNT]]
        for title, faulty in plant(images, labels, copies, noise).items():
            after = score(faulty)
            changes[title].append({name: after[name] - value for name, value in before.items()})
    # Sets that share images vary less than sets that do not: the correction for a finite population.
    alone = sqrt(1 - COUNT / len(real.test))
    return Table(
        real=_mean(clean),
        noise=score(noise),
        chance={name: float(np.std([s[name] for s in clean], ddof=1)) / alone for name in clean[0]},
        changes={title: _mean(found) for title, found in changes.items()},
    )


def plant(images: Tensor, labels: Tensor, copies: Tensor, noise: Tensor) -> dict[str, Tensor]:
    """Sets of 300 images, each with one of :data:`FAULTS`, by its title.

    Args:
        images: more than 300 real ones, uint8 [N, 1, H, W]; the first 300 are the set without a fault.
        labels: of which digit each is, [N].
        copies: 300 training images.
        noise: 300 images of noise.
    """
    clean = images[:COUNT]

    def mixed(share: float, with_: Tensor) -> Tensor:
        replaced = round(share * COUNT)
        return torch.cat([with_[:replaced], clean[replaced:]])

    one = clean[-1:].expand_as(clean)
    ten = torch.stack([_typical(images[labels == digit]) for digit in range(10)]).repeat(COUNT // 10, 1, 1, 1)
    sets = [
        mixed(0.01, noise),
        mixed(0.05, noise),
        mixed(0.2, noise),
        images[labels != DROPPED][:COUNT],
        mixed(0.25, one),
        ten,
        one,
        mixed(0.02, copies),
        mixed(0.3, copies),
        copies,
        blurred(clean),
    ]
    return {fault.title: faulty for fault, faulty in zip(FAULTS, sets, strict=True)}


def _typical(images: Tensor) -> Tensor:
    """The one of images uint8 [N, C, H, W] that is nearest to their mean."""
    pixels = images.flatten(1).float()
    return images[(pixels - pixels.mean(0)).norm(dim=1).argmin()]


def blurred(images: Tensor) -> Tensor:
    """Images uint8 [N, 1, H, W], each pixel mixed with its neighbours."""
    line = torch.tensor([BLUR, 1 - 2 * BLUR, BLUR])
    around = functional.pad(images.float(), (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(around, line.outer(line)[None, None]).round().to(torch.uint8)


def markdown(table: Table) -> str:
    """The table: scores down, faults across; the named score in bold, what may be chance in brackets."""
    heads = ["score", "real", "chance", "noise", *(fault.title for fault in FAULTS)]
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for score, real in table.real.items():
        cells = [f"`{score}`", *(f"{n:.3g}" for n in (real, table.chance[score], table.noise[score]))]
        for fault in FAULTS:
            effect = table.effect(fault.title, score)
            cell = f"{effect:.2f}" if abs(effect) < inf else "∞"
            if not table.is_sure(fault.title, score):
                cell = f"({cell})" if float(cell) else "0"
            cells.append(f"**{cell}**" if score == fault.named else cell)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _known(settings: params.CnnJudge) -> scoring.Known:
    """The halves of the digits, and judges that are fitted to the first."""
    digits = DigitsSource(seed=SEED).load(Path())
    images, labels = (
        torch.cat(both) for both in zip(*map(_tensors, (digits.train, digits.test)), strict=True)
    )
    order = torch.randperm(len(images), generator=generator(SEED, "faults", "split"))
    halves = (order[:TRAINING], order[TRAINING:])
    real = Dataset(*(Split(images[half], labels[half]) for half in halves))
    judges = fitting.build(settings, real)
    for _ in fitting.fit(settings, judges, real.train, torch.device("cpu")):
        pass
    student = settings.model_copy(
        update={"epochs": STUDENT_EPOCHS, "batch_size": settings.batch_size // cas.LARGER}
    )
    return scoring.Known(real, judges, "", student, "digits")


def _labels(split: Split) -> Tensor:
    assert split.labels is not None
    return split.labels


def _tensors(split: Split) -> tuple[Tensor, Tensor]:
    return split.samples, _labels(split)


def _graded(scores: Scores) -> Scores:
    """Without the classes' shares, the spreads and the baselines."""
    return {name: score for name, score in scores.items() if name in MEANINGS or name == "collapsed"}


def _mean(scores: Sequence[Scores]) -> Scores:
    return {name: sum(found[name] for found in scores) / len(scores) for name in scores[0]}


def main() -> None:
    """Measure, and write the table into the page."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    known = params.load(Path("params.yaml"))
    devices.set_up("cpu", threads=1)  # the sets are small
    judge = known.experiments["digits"].judge
    assert isinstance(judge, params.CnnJudge)
    PAGE.write_text(pages.insert(PAGE.read_text(), START, END, markdown(measure(judge))))
    print(f"faults: see {PAGE}")


if __name__ == "__main__":
    command.guard(main)
