"""Conditions: runs that differ by their seed alone. ComparableSets: conditions whose scores can be."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from stages.gan.evaluation.scores import MEANINGS
from stages.gan.report.runs import Run

T = TypeVar("T")

# What scores depend on besides the generator: parameters whose names begin so.
_SCORED_BY = ("data.", "judge.", "sample.", "evaluate.")
_LISTED = 3  # names in a heading, at most
_NAMED = 2  # parameters in a condition's name, at most; where more differ, it gets a number


@dataclass(frozen=True)
class Condition:
    """Runs of an experiment with the same parameters on the same kind of device, seed by seed.

    Attributes:
        name: short, and no other condition's.
        runs: at least one.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return self.runs[0].experiment

    @property
    def device(self) -> str:
        """Its type: cpu, cuda, mps."""
        return self.runs[0].device

    @property
    def computed_by(self) -> str:
        """What of its runs' devices decides the last bits, as far as their files say it."""
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
        """What all its runs share, flat."""
        return self.runs[0].parameters

    @property
    def key(self) -> str:
        """What it is known by, whatever its seeds."""
        return hashlib.md5(_same(self.runs[0]).encode(), usedforsecurity=False).hexdigest()

    @property
    def collapsed(self) -> int:
        """How many of its runs have collapsed."""
        return sum(run.collapsed for run in self.runs)

    def scores(self, name: str) -> list[float]:
        """A score of all its runs; empty if not all have it."""
        found = [run.scores[name] for run in self.runs if name in run.scores]
        return found if len(found) == len(self.runs) else []

    def without_collapsed(self) -> "Condition":
        """The same without the runs that have collapsed; there may be none left."""
        return Condition(self.name, tuple(run for run in self.runs if not run.collapsed))


@dataclass(frozen=True)
class ComparableSet:
    """Conditions that are scored alike: on the same data, by the same judge, with as many samples."""

    name: str
    conditions: tuple[Condition, ...]

    @property
    def runs(self) -> list[Run]:
        """The runs of all its conditions."""
        return [run for condition in self.conditions for run in condition.runs]

    @property
    def experiments(self) -> list[str]:
        """The names of its conditions' experiments."""
        return list(dict.fromkeys(condition.experiment for condition in self.conditions))

    @property
    def scores(self) -> list[str]:
        """The scores that any of its runs has, in the order of :data:`MEANINGS`."""
        return [name for name in MEANINGS if any(name in run.scores for run in self.runs)]

    def baselines(self, name: str) -> tuple[float, float]:
        """What real data and noise score, the means over the runs that have the score."""
        real, noise = zip(*(run.baselines(name) for run in self.runs if name in run.scores), strict=True)
        return fmean(real), fmean(noise)

    def parameters_that_differ(self) -> dict[str, list[Any]]:
        """Names of parameters to their values in each condition; None where it has none of that name."""
        return _differing([condition.runs[0] for condition in self.conditions])


def comparable_sets(runs: Iterable[Run]) -> list[ComparableSet]:
    """All runs in their conditions, and these in sets that can be compared, in the order of the runs."""
    found = _by(_conditions(runs), lambda condition: _scored_by(condition.runs[0]))
    headings = [
        _listed(dict.fromkeys(condition.experiment for condition in conditions)) for conditions in found
    ]
    named = []
    for index, (heading, conditions) in enumerate(zip(headings, found, strict=True)):
        alone = headings.count(heading) == 1
        number = headings[: index + 1].count(heading)
        named.append(
            heading if alone else f"{_listed(condition.name for condition in conditions)} [{number}]"
        )
    return [ComparableSet(name, tuple(conditions)) for name, conditions in zip(named, found, strict=True)]


def _conditions(runs: Iterable[Run]) -> list[Condition]:
    conditions = []
    for alike in _by(_by(runs, _same), lambda condition: condition[0].experiment):
        names = _names([condition[0] for condition in alike])
        conditions += [
            Condition(name, tuple(condition)) for name, condition in zip(names, alike, strict=True)
        ]
    return conditions


def _names(firsts: Sequence[Run]) -> list[str]:
    """Names for conditions of one experiment, by what sets them apart; ``firsts`` has a run of each."""
    differing = _differing(firsts)
    numbered = len(differing) > _NAMED
    names = []
    for index, run in enumerate(firsts):
        name = run.experiment
        if numbered:
            name += f" ({index + 1})"
        else:
            name += "".join(f", {key} {_short(values[index])}" for key, values in differing.items())
        if len({first.device for first in firsts}) > 1:
            name += f" on {run.device}"
        names.append(name)
    return names


def _short(value: Any) -> str:
    return "unset" if value is None else str(value)


def _listed(names: Iterable[str]) -> str:
    """Names in a heading: not more than fit."""
    known = list(names)
    return ", ".join(known) if len(known) <= _LISTED else f"{known[0]} and {len(known) - 1} more"


def _differing(runs: Sequence[Run]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    values = {name: [run.parameters.get(name) for run in runs] for name in names}
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def _same(run: Run) -> str:
    return json.dumps([run.experiment, run.device, _set(run.parameters)], sort_keys=True)


def _set(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not null: a run from before a parameter was there is like one that leaves it out."""
    return {key: value for key, value in parameters.items() if value is not None}


def _scored_by(run: Run) -> str:
    chosen = {key: value for key, value in _set(run.parameters).items() if key.startswith(_SCORED_BY)}
    return json.dumps([chosen, run.judge.md5], sort_keys=True)


def _by(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Items with the same key together, in the order of the first of each."""
    found: dict[Hashable, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return list(found.values())
