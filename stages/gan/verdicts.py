"""Verdicts: whether one group of runs is better than another, or whether that cannot be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stages.gan import intervals
from stages.gan.groups import Family, Group
from stages.gan.scores import MEANINGS

MANY = 4  # groups: of more, not every two are compared

BEST = {"zero": 0.0, "one": 1.0}  # what a score's distance from is compared

Answer = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True)
class Verdict:
    """What a score says of a second group beside a first one.

    Attributes:
        score: its name.
        answer: the second group is better or worse; or the interval of their difference holds 0.
        difference: second less first, of the scores; where one is best, of their distances from it.
        needed: seeds in each group that would tell such a difference; see :func:`intervals.seeds_needed`.
    """

    score: str
    answer: Answer
    difference: intervals.Difference
    needed: int | None


@dataclass(frozen=True)
class Pair:
    """Two groups of a family, and what their scores say of the second beside the first.

    Attributes:
        verdicts: by score; empty where no two runs of each have one in common.
    """

    first: Group
    second: Group
    verdicts: tuple[Verdict, ...]

    def scores(self, answer: Answer) -> list[Verdict]:
        """The verdicts with this answer."""
        return [verdict for verdict in self.verdicts if verdict.answer == answer]

    @property
    def seeds(self) -> str:
        """How many seeds the groups have."""
        counts = [len(group.runs) for group in (self.second, self.first)]
        return f"{counts[0]} and {counts[1]} seeds" if counts[0] != counts[1] else f"{counts[0]} seeds each"


def pairs(family: Family) -> list[Pair]:
    """Groups of several seeds, the later beside the earlier; where there are many, all beside the first."""
    groups = [group for group in family.groups if len(group.runs) > 1]
    return [
        compare(first, second, family.scores)
        for index, second in enumerate(groups)
        for first in groups[: index if len(groups) <= MANY else min(index, 1)]
    ]


def compare(first: Group, second: Group, names: Sequence[str]) -> Pair:
    """What the scores ``names`` say of ``second`` beside ``first``, where all runs of both have them."""
    verdicts = [verdict(name, first.scores(name), second.scores(name)) for name in names]
    return Pair(first, second, tuple(found for found in verdicts if found is not None))


def verdict(name: str, before: Sequence[float], after: Sequence[float]) -> Verdict | None:
    """What the score ``name`` says of runs beside others; nothing where either are fewer than two."""
    if min(len(before), len(after)) < 2:
        return None
    before, after = _compared(name, before), _compared(name, after)
    difference = intervals.welch(before, after)
    answer: Answer = "not distinguishable"
    if difference.told:
        answer = "better" if (difference.value > 0) == (MEANINGS[name].better == "high") else "worse"
    return Verdict(name, answer, difference, intervals.seeds_needed(before, after))


def _compared(name: str, scores: Sequence[float]) -> list[float]:
    """What is compared: the scores themselves, or their distances from the one that is best."""
    best = BEST.get(MEANINGS[name].better)
    return list(scores) if best is None else [abs(score - best) for score in scores]
