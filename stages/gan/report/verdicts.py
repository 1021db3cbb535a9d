"""Verdicts: whether one condition is better than another, or whether that cannot be said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from stages.gan.evaluation.scores import MEANINGS
from stages.gan.report import intervals
from stages.gan.report.conditions import ComparableSet, Condition

MANY = 4  # conditions: of more, not every two are compared

BEST = {"zero": 0.0, "one": 1.0}  # what a score's distance from is compared

Answer = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True)
class Verdict:
    """What a score says of a second condition beside a first one.

    Attributes:
        score: its name.
        answer: the second condition is better or worse; or the interval of their difference holds 0.
        difference: second less first, of the scores; where one is best, of their distances from it.
        needed: seeds in each condition that would show such a difference; see :func:`intervals.seeds_needed`.
    """

    score: str
    answer: Answer
    difference: intervals.Difference
    needed: int | None


@dataclass(frozen=True)
class Pair:
    """Two conditions that can be compared, and what their scores say of the second beside the first.

    Attributes:
        verdicts: by score; empty where no two runs of each have one in common.
    """

    first: Condition
    second: Condition
    verdicts: tuple[Verdict, ...]

    def scores(self, answer: Answer) -> list[Verdict]:
        """The verdicts with this answer."""
        return [verdict for verdict in self.verdicts if verdict.answer == answer]

    @property
    def seeds(self) -> str:
        """How many seeds the conditions have."""
        counts = [len(condition.runs) for condition in (self.second, self.first)]
        return f"{counts[0]} and {counts[1]} seeds" if counts[0] != counts[1] else f"{counts[0]} seeds each"


def pairs(comparable: ComparableSet) -> list[Pair]:
    """Conditions of several seeds, the later beside the earlier; of many, all beside the first."""
    conditions = [condition for condition in comparable.conditions if len(condition.runs) > 1]
    return [
        compare(first, second, comparable.scores)
        for index, second in enumerate(conditions)
        for first in conditions[: index if len(conditions) <= MANY else min(index, 1)]
    ]


def compare(first: Condition, second: Condition, names: Sequence[str]) -> Pair:
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
    if difference.distinguishable:
        answer = "better" if (difference.value > 0) == (MEANINGS[name].better == "high") else "worse"
    return Verdict(name, answer, difference, intervals.seeds_needed(before, after))


def _compared(name: str, scores: Sequence[float]) -> list[float]:
    """What is compared: the scores themselves, or their distances from the one that is best."""
    best = BEST.get(MEANINGS[name].better)
    return list(scores) if best is None else [abs(score - best) for score in scores]
