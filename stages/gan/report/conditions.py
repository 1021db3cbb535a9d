"""Conditions: runs that differ only by their seed. ComparableSets: conditions that can be compared."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from stages.gan.evaluation.scores import BEST, MEANINGS, without_judge
from stages.gan.report.circumstances import CIRCUMSTANCES, SCORING_CIRCUMSTANCES, Circumstance
from stages.gan.report.markdown import plain
from stages.gan.report.runs import Run

T = TypeVar("T")

# Scores depend on the generator and on parameters whose names begin so; but not on the one that says which
# score decides.
_SCORED_BY = ("data.", "judge.", "sample.", "evaluate.")
PRIMARY_PARAMETER = "evaluate.primary"
_OF_CLASSES = ("classes_covered", "classifier_score")  # scores that are at most the number of classes
_LISTED = 3  # names in a heading, at most
_NAMED = 2  # parameters in the name of a condition, at most; if more differ, it gets a number


@dataclass(frozen=True)
class Condition:
    """Runs of an experiment that differ only by their seed.

    Parameters, the kind of device, the judge, the data and the number of samples are the same.

    Attributes:
        name: short and unique.
        runs: at least one.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self.runs[0].experiment

    @property
    def shown(self) -> str:
        """Its name in Markdown."""
        return plain(self.name)

    @property
    def device(self) -> str:
        """Its type: cpu, cuda, mps."""
        return self.runs[0].device

    @property
    def computed_by(self) -> str:
        """The devices of its runs, as far as their files say it: the last bits depend on them."""
        kinds = dict.fromkeys(
            run.device
            + (f": {run.processor}" if run.processor else "")
            + (", portable" if run.portable else "")
            for run in self.runs
        )
        threads = self.parameters.get("threads")
        return "; ".join(kinds) + (f", threads: {threads}" if threads else "")

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of its runs, by flat names."""
        return self.runs[0].parameters

    @property
    def key(self) -> str:
        """An identifier that does not depend on its seeds."""
        return hashlib.md5(_same(self.runs[0]).encode(), usedforsecurity=False).hexdigest()

    @property
    def collapsed(self) -> int:
        """How many of its runs have collapsed."""
        return sum(bool(run.collapsed) for run in self.runs)

    @property
    def collapses(self) -> str:
        """How many of its runs have collapsed, out of how many; a dash if that is not known of all."""
        return (
            "–"
            if any(run.collapsed is None for run in self.runs)
            else f"{self.collapsed} of {len(self.runs)}"
        )

    @property
    def weakness(self) -> str | None:
        """Why its judge knows nothing of the data, so that no verdict can rely on it; None if it does."""
        return self.runs[0].judge.weakness

    def scores(self, name: str) -> list[float]:
        """The values of a score, one per run; empty if not all runs have it."""
        found = [run.scores[name] for run in self.runs if name in run.scores]
        return found if len(found) == len(self.runs) else []


@dataclass(frozen=True)
class ComparableSet:
    """Conditions with comparable scores: of the same data, judge and number of samples."""

    name: str
    conditions: tuple[Condition, ...]

    @property
    def runs(self) -> list[Run]:
        """The runs of all its conditions."""
        return [run for condition in self.conditions for run in condition.runs]

    @property
    def shown(self) -> str:
        """Its name in Markdown."""
        return plain(self.name)

    @property
    def weakness(self) -> str | None:
        """See :attr:`Condition.weakness`; all have the same judge."""
        return self.conditions[0].weakness

    @property
    def left_out(self) -> dict[str, str]:
        """The scores that do not fit the data, and why."""
        return {name: why for run in self.runs for name, why in run.left_out.items()}

    @property
    def experiments(self) -> list[str]:
        """The names of its conditions' experiments."""
        return list(dict.fromkeys(condition.experiment for condition in self.conditions))

    @property
    def scores(self) -> list[str]:
        """The scores of its runs, in the order of :data:`MEANINGS`; those without a best come last."""
        found = [name for name in MEANINGS if any(name in run.scores for run in self.runs)]
        return sorted(found, key=lambda name: MEANINGS[name].better == "none")

    @property
    def graded(self) -> list[str]:
        """Those of its scores that measure quality."""
        return [name for name in self.scores if MEANINGS[name].better != "none"]

    @property
    def compared(self) -> list[str]:
        """The scores by which its conditions are compared; without the judge's if it knows nothing."""
        return self.graded if self.weakness is None else without_judge(self.graded)

    def baselines(self, name: str) -> tuple[float, float]:
        """The scores of real data and of noise, the means over the runs that have the score."""
        real, noise = zip(*(run.baselines(name) for run in self.runs if name in run.scores), strict=True)
        return fmean(real), fmean(noise)

    def real_spread(self, name: str) -> float | None:
        """Standard deviation of the score of real data over random draws, if the runs say it."""
        found = [run.real_spread(name) for run in self.runs if name in run.scores]
        known = [spread for spread in found if spread is not None]
        return fmean(known) if known else None

    def bounds(self, name: str) -> tuple[float | None, float | None]:
        """The lowest and the highest possible value of a score; None if there is no bound."""
        meaning, classes = MEANINGS[name], len(self.runs[0].shares)
        return meaning.least, classes if name in _OF_CLASSES and classes else meaning.most

    def noise_is_no_worse(self, name: str) -> bool:
        """Whether noise scores at least as well as real data, so that the score says little by itself."""
        real, noise = (gain(name, score) for score in self.baselines(name))
        return MEANINGS[name].better != "none" and noise >= real

    def parameters_that_differ(self) -> dict[str, list[Any]]:
        """Names of parameters to their values in each condition; None where it has none of that name."""
        return _differing([condition.runs[0] for condition in self.conditions])


@dataclass(frozen=True)
class Apart:
    """Two conditions that look comparable, and why they are not."""

    first: Condition
    second: Condition
    reasons: tuple[str, ...]


def gain(name: str, score: float) -> float:
    """A score turned so that higher is better; if it is best at 0, 0.5 or 1, minus its distance from there.

    Scores in files have six digits, and so has the distance, so that rounding makes no equal ones differ.
    """
    better = MEANINGS[name].better
    if better in BEST:
        return -float(f"{abs(score - BEST[better]):.6g}")
    return -score if better == "low" else score


def scores_depend_on(parameter: str) -> bool:
    """Whether the scores of a generator depend on this parameter."""
    return parameter.startswith(_SCORED_BY) and parameter != PRIMARY_PARAMETER


def without_null(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not null: a run older than a parameter counts as one that does not set it."""
    return {key: value for key, value in parameters.items() if value is not None}


def conditions(runs: Iterable[Run]) -> list[Condition]:
    """All runs, grouped into conditions, in the order of the runs."""
    found = []
    for alike in _by(_by(runs, _same), lambda condition: condition[0].experiment):
        names = _names([condition[0] for condition in alike])
        found += [Condition(name, tuple(condition)) for name, condition in zip(names, alike, strict=True)]
    return found


def comparable_sets(runs: Iterable[Run]) -> list[ComparableSet]:
    """All runs, grouped into conditions and these into comparable sets, in the order of the runs."""
    found = _by(conditions(runs), lambda condition: _scored_by(condition.runs[0]))
    headings = [_listed(dict.fromkeys(condition.experiment for condition in alike)) for alike in found]
    named = []
    for index, (heading, alike) in enumerate(zip(headings, found, strict=True)):
        alone = headings.count(heading) == 1
        number = headings[: index + 1].count(heading)
        named.append(heading if alone else f"{_listed(condition.name for condition in alike)} [{number}]")
    return [ComparableSet(name, tuple(alike)) for name, alike in zip(named, found, strict=True)]


def apart(comparable_sets: Iterable[ComparableSet]) -> list[Apart]:
    """Pairs of conditions that are not comparable because of the judge, data, number of samples or device.

    In each experiment, all conditions are compared with the one that has the most runs. These largest ones
    are then compared across experiments with the same parameters of data, judge, samples and scores.
    """
    found = []
    known = [condition for comparable in comparable_sets for condition in comparable.conditions]
    largest = []
    for alike in _by(known, lambda condition: condition.experiment):
        most = max(alike, key=lambda condition: len(condition.runs))
        largest.append(most)
        found += [Apart(most, other, _reasons(most, other, CIRCUMSTANCES)) for other in alike]
    for alike in _by(largest, lambda condition: _dumped(_scoring(condition.runs[0]))):
        most = max(alike, key=lambda condition: len(condition.runs))
        found += [Apart(most, other, _reasons(most, other, SCORING_CIRCUMSTANCES)) for other in alike]
    return [one for one in found if one.reasons]


def _names(firsts: Sequence[Run]) -> list[str]:
    """Names for the conditions of one experiment, by how they differ; ``firsts`` has one run of each."""
    differing = _differing(firsts)
    names = [run.experiment for run in firsts]
    for index, name in enumerate(names):
        if len(differing) > _NAMED:
            names[index] = f"{name} ({index + 1})"
        else:
            names[index] += "".join(f", {key} {_short(values[index])}" for key, values in differing.items())
    if len({run.device for run in firsts}) > 1:
        names = [f"{name} on {run.device}" for name, run in zip(names, firsts, strict=True)]
    said: list[tuple[Hashable, ...]] = [(run.device, _dumped(_scoring(run))) for run in firsts]
    for circumstance in SCORING_CIRCUMSTANCES:
        values = [circumstance.value(run) for run in firsts]
        more = [(*known, value) for known, value in zip(said, values, strict=True)]
        if len(set(more)) > len(set(said)):  # skip what follows from differences that the names already have
            names = [name + circumstance.label(run) for name, run in zip(names, firsts, strict=True)]
            said = more
    return names


def _reasons(first: Condition, second: Condition, of: Iterable[Circumstance]) -> tuple[str, ...]:
    one, other = first.runs[0], second.runs[0]
    return tuple(kind.reason(one, other) for kind in of if kind.value(one) != kind.value(other))


def _short(value: Any) -> str:
    return "unset" if value is None else str(value)


def _listed(names: Iterable[str]) -> str:
    """The names in a heading: of many, the first and the number of the others."""
    known = list(names)
    return ", ".join(known) if len(known) <= _LISTED else f"{known[0]} and {len(known) - 1} more"


def _differing(runs: Sequence[Run]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    values = {name: [run.parameters.get(name) for run in runs] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def _same(run: Run) -> str:
    values = [circumstance.value(run) for circumstance in CIRCUMSTANCES]
    return _dumped([run.experiment, without_null(run.parameters), *map(repr, values)])


def _scoring(run: Run) -> dict[str, Any]:
    """The parameters on which scores depend."""
    return {key: value for key, value in without_null(run.parameters).items() if scores_depend_on(key)}


def _scored_by(run: Run) -> str:
    return _dumped([_scoring(run), *(repr(kind.value(run)) for kind in SCORING_CIRCUMSTANCES)])


def _dumped(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _by(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Items grouped by key, in the order of the first of each group."""
    found: dict[Hashable, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return list(found.values())
