"""Verdicts: whether one condition is better than another, or whether no difference is found."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from stages.gan.evaluation.scores import PRIMARY
from stages.gan.report import statistics
from stages.gan.report.conditions import PRIMARY_PARAMETER, ComparableSet, Condition, gain

MANY = 4  # conditions, at most, of which every two are compared

Answer = Literal["better", "worse", "no difference found", "too few seeds"]
NOT_TOLD: Answer = "no difference found"
TOO_FEW: Answer = "too few seeds"
Scored = Mapping[str, Sequence[float]]  # a score's name to its values over the seeds


@dataclass(frozen=True)
class Verdict:
    """The verdict of one score on a second condition, compared with a first one.

    Attributes:
        score: its name.
        seeds: the number of seeds of the second condition, and of the first.
        effect: how often the second's runs beat the first's.
        p: of the rank test, for this score alone.
        exact: whether p is over all relabellings, not over a sample of them.
        corrected: p, corrected for all tests made together with it.
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
    """Two comparable conditions, and the verdicts on the second one.

    Attributes:
        named: the primary score of each of the two; see :func:`primary`.
        verdict: of the primary score, if both have the same, corrected for the other pairs of the set.
        verdicts: of all scores that all runs of both have, corrected for their number.
        of_pairs: the number of pairs of the set for which ``verdict`` is corrected, including this one.
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
        """The p of Fisher's exact test of whether runs of both collapse equally often."""
        first, second = (
            (condition.collapsed, len(condition.runs)) for condition in (self.first, self.second)
        )
        return statistics.fisher(first, second)


def pairs(comparable: ComparableSet) -> list[Pair]:
    """Pairs of conditions of several seeds: each with all earlier ones or, if there are many, with the first.

    The p of the primary score is corrected for the number of pairs (Holm 1979); pairs with too few seeds do
    not count.
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
    """Compare ``second`` with ``first`` by those of the scores ``names`` that all runs of both have."""
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
    """The score that decides: the one that a parameter names, else the usual one of ``scores``."""
    known = {*scores}
    return named or next((name for name in PRIMARY if name in known), None)


def alone(name: str, before: Sequence[float], after: Sequence[float]) -> Verdict:
    """The verdict of the score ``name`` on runs, at least one each, if it alone is tested."""
    first, second = ([gain(name, score) for score in scores] for scores in (before, after))
    found = statistics.rank_test(first, second)
    seeds, effect = (len(second), len(first)), statistics.effect(first, second)
    exact = statistics.is_exact(first, second)
    return _answered(Verdict(name, seeds, effect, found, exact, found, TOO_FEW), found)


def together(before: Scored, after: Scored) -> tuple[Verdict, ...]:
    """The verdicts of all scores that both have, with p corrected for the number of scores.

    Args:
        before: scores that measure quality, each of the same runs, at least one.
        after: likewise, of other runs.
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
    """The verdict with the corrected p, and its answer."""
    answer: Answer = NOT_TOLD
    if min(verdict.seeds) < fewest:
        answer = TOO_FEW
    elif corrected <= statistics.LEVEL:
        answer = "better" if verdict.effect.wins > verdict.effect.pairs / 2 else "worse"
    return replace(verdict, corrected=corrected, answer=answer)
