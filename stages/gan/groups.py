"""Groups: runs that differ by their seed alone. Families: groups whose scores can be compared."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from stages.gan.runs import Run
from stages.gan.scores import MEANINGS

T = TypeVar("T")

# What scores depend on besides the generator: parameters whose names begin so.
_SCORED_BY = ("data.", "judge.", "sample.", "evaluate.")
_LISTED = 3  # names in a heading, at most
_NAMED = 2  # parameters in a group's name, at most; where more differ, it gets a number


@dataclass(frozen=True)
class Group:
    """Runs of an experiment with the same parameters on the same kind of device, seed by seed.

    Attributes:
        name: short, and no other group's.
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

    def spared(self) -> "Group":
        """The same without the runs that have collapsed; there may be none left."""
        return Group(self.name, tuple(run for run in self.runs if not run.collapsed))


@dataclass(frozen=True)
class Family:
    """Groups that are scored alike: on the same data, by the same judge, with as many samples."""

    name: str
    groups: tuple[Group, ...]

    @property
    def runs(self) -> list[Run]:
        """The runs of all its groups."""
        return [run for group in self.groups for run in group.runs]

    @property
    def experiments(self) -> list[str]:
        """The names of its groups' experiments."""
        return list(dict.fromkeys(group.experiment for group in self.groups))

    @property
    def scores(self) -> list[str]:
        """The scores that any of its runs has, in the order of :data:`MEANINGS`."""
        return [name for name in MEANINGS if any(name in run.scores for run in self.runs)]

    def anchors(self, name: str) -> tuple[float, float]:
        """A score's floor and ceiling, the means over the runs that have the score."""
        floor, ceiling = zip(*(run.anchors(name) for run in self.runs if name in run.scores), strict=True)
        return fmean(floor), fmean(ceiling)

    def parameters_that_differ(self) -> dict[str, list[Any]]:
        """Names of parameters to their values in each group; None where a group has none of that name."""
        return _differing([group.runs[0] for group in self.groups])


def families(runs: Iterable[Run]) -> list[Family]:
    """All runs in their groups, and these in their families, in the order of the runs."""
    found = _by(_groups(runs), lambda group: _scored_by(group.runs[0]))
    headings = [_listed(dict.fromkeys(group.experiment for group in groups)) for groups in found]
    named = []
    for index, (heading, groups) in enumerate(zip(headings, found, strict=True)):
        alone = headings.count(heading) == 1
        number = headings[: index + 1].count(heading)
        named.append(heading if alone else f"{_listed(group.name for group in groups)} [{number}]")
    return [Family(name, tuple(groups)) for name, groups in zip(named, found, strict=True)]


def _groups(runs: Iterable[Run]) -> list[Group]:
    groups = []
    for alike in _by(_by(runs, _same), lambda group: group[0].experiment):
        names = _names([group[0] for group in alike])
        groups += [Group(name, tuple(group)) for name, group in zip(names, alike, strict=True)]
    return groups


def _names(firsts: Sequence[Run]) -> list[str]:
    """Names for groups of one experiment, by what tells them apart; ``firsts`` has a run of each."""
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
