"""Verdicts: whether one condition is better than another, or whether that cannot be told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from stages.gan.evaluation.scores import PRIMARY
from stages.gan.report import statistics
from stages.gan.report.conditions import PRIMARY_PARAMETER, ComparableSet, Condition, gain

MANY = 4  # conditions: of more, not every two are compared

Answer = Literal["better", "worse", "not told apart", "too few seeds to tell"]
NOT_TOLD: Answer = "not told apart"
TOO_FEW: Answer = "too few seeds to tell"
Scored = Mapping[str, Sequence[float]]  # a score's name to its values over the seeds


@dataclass(frozen=True)
class Verdict:
    """What a score says of a second condition beside a first one.

    Attributes:
        score: its name.
        seeds: how many the second condition has, and the first.
        effect: how often the second's runs beat the first's.
        p: of the rank test, of this score alone.
        exact: whether that is of all relabellings, and not of a sample of them.
        corrected: p, corrected for all tests that were made beside it.
        answer: by ``corrected``, at the 5% level.
    """

    score: str
    seeds: tuple[int, int]
    effect: statistics.Effect
    p: float
    exact: bool
    corrected: float
    answer: Answer


@dataclass(frozen=True)
class Pair:
    """Two conditions that can be compared, and what their scores say of the second beside the first.

    Attributes:
        named: the score that each of the two has as its primary one; see :func:`primary`.
        verdict: of the primary score, where both have the same, corrected for the other pairs of the set.
        verdicts: of all scores that all runs of both have, corrected for there being many.
        of_pairs: for how many pairs of the set ``verdict`` is corrected, this one among them.
    """

    first: Condition
    second: Condition
    named: tuple[str | None, str | None]
    verdict: Verdict | None
    verdicts: tuple[Verdict, ...]
    of_pairs: int = 1

    def scores(self, answer: Answer) -> list[str]:
        """The scores with this answer."""
        return [verdict.score for verdict in self.verdicts if verdict.answer == answer]

    @property
    def fisher(self) -> float:
        """The p of Fisher's exact test that runs of both collapse equally often."""
        first, second = (
            (condition.collapsed, len(condition.runs)) for condition in (self.first, self.second)
        )
        return statistics.fisher(first, second)


def pairs(comparable: ComparableSet) -> list[Pair]:
    """Conditions of several seeds, the later beside the earlier; of many, all beside the first.

    The primary score's p is corrected for the number of pairs (Holm 1979), of which those with too few seeds
    are none.
    """
    conditions = [condition for condition in comparable.conditions if len(condition.runs) > 1]
    found = [
        compare(first, second, comparable.compared)
        for index, second in enumerate(conditions)
        for first in conditions[: index if len(conditions) <= MANY else min(index, 1)]
    ]
    tested = [pair.verdict for pair in found if pair.verdict and pair.verdict.answer != TOO_FEW]
    corrected = iter(statistics.holm([verdict.p for verdict in tested]))
    return [
        replace(pair, verdict=_answered(pair.verdict, next(corrected)), of_pairs=len(tested))
        if pair.verdict in tested
        else pair
        for pair in found
    ]


def compare(first: Condition, second: Condition, names: Sequence[str]) -> Pair:
    """What the scores ``names`` say of ``second`` beside ``first``, where all runs of both have them."""
    before, after = (
        {name: values for name in names if (values := condition.scores(name))}
        for condition in (first, second)
    )
    named = (
        primary(before, first.parameters.get(PRIMARY_PARAMETER)),
        primary(after, second.parameters.get(PRIMARY_PARAMETER)),
    )
    decides = named[0] if named[0] == named[1] else None
    verdict = alone(decides, before[decides], after[decides]) if decides in {*before} & {*after} else None
    return Pair(first, second, named, verdict, together(before, after))


def primary(scores: Iterable[str], named: str | None) -> str | None:
    """The score that decides: the one that a parameter names, or else the usual one of ``scores``."""
    known = {*scores}
    return named or next((name for name in PRIMARY if name in known), None)


def alone(name: str, before: Sequence[float], after: Sequence[float]) -> Verdict:
    """What the score ``name`` says of runs, at least one, beside others, where it alone is tested."""
    first, second = ([gain(name, score) for score in scores] for scores in (before, after))
    found = statistics.rank_test(first, second)
    seeds, effect = (len(second), len(first)), statistics.effect(first, second)
    exact = statistics.is_exact(first, second)
    return _answered(Verdict(name, seeds, effect, found, exact, found, TOO_FEW), found)


def together(before: Scored, after: Scored) -> tuple[Verdict, ...]:
    """What all scores that both have say, with their p corrected for there being many.

    Args:
        before: scores with a better and a worse, each of the same runs, at least one.
        after: likewise, of others.
    """
    names = [name for name in before if name in after]
    if not names:
        return ()
    first, second = ([[gain(name, score) for score in of[name]] for name in names] for of in (before, after))
    corrected = statistics.step_down(first, second)
    return tuple(
        _answered(alone(name, before[name], after[name]), float(p), statistics.FEWEST_CORRECTED)
        for name, p in zip(names, corrected, strict=True)
    )


def _answered(verdict: Verdict, corrected: float, fewest: int = statistics.FEWEST) -> Verdict:
    """The verdict with the corrected p, and what follows from it."""
    answer: Answer = NOT_TOLD
    if min(verdict.seeds) < fewest:
        answer = TOO_FEW
    elif corrected <= statistics.LEVEL:
        answer = "better" if verdict.effect.wins > verdict.effect.pairs / 2 else "worse"
    return replace(verdict, corrected=corrected, answer=answer)
