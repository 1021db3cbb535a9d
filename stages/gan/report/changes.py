"""How a change affects the runs, as a comment in Markdown for reviewers: numbers and pictures."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.gan.evaluation.scores import ARROWS, MAIN, MEANINGS, Scores, without_judge
from stages.gan.report import sentences, verdicts
from stages.gan.report.conditions import PRIMARY_PARAMETER, scores_depend_on
from stages.gan.report.markdown import folded, plain, seeds, table
from stages.gan.report.sentences import seeds_in_words
from stages.runtime.errors import counted, listed

MARK = "<!-- gan-workflow: report -->"  # the first line, by which the comment is found again
LIMIT = 65_000  # characters, at most; code hosts take 65,536
_PICTURES = 8  # of runs, at most
_WIDTH = 400  # of pictures, in pixels
_MARKS = {"better": "🟢 ", "worse": "🔴 "}
_PARAMETER = "parameters."  # in run.json, before the names of parameters
_SCORED_BY = ("judge.md5", "data.md5", "networks.", "samples.")  # in run.json, besides parameters
_NAMED = 3  # values in the name of a condition, at most

_METHOD = """\
Median over the seeds of a condition (lowest – highest). The last column says whether *after* is better or
worse by the rank test at the 5% level: the primary score is tested by itself, the others are corrected for
all scores together (Westfall and Young). Fewer than 4 seeds are too few for a verdict; for the others, fewer
than 5."""


@dataclass(frozen=True)
class RunChange:
    """One run before and after.

    Attributes:
        experiment: its experiment.
        seed: its seed.
        before: its scores; None where there is no such run.
        after: likewise.
        about_before: what its run.json says, under dotted names and without null.
        about_after: likewise.
    """

    experiment: str
    seed: int
    before: Scores | None
    after: Scores | None
    about_before: Mapping[str, Any] = field(default_factory=dict)
    about_after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """A picture that has changed: the addresses of both versions; None where there is none."""

    title: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Changes:
    """What differs between two commits.

    Attributes:
        base: the first commit's name, short.
        head: the second one's.
        parameters: by name of a parameter, its values before and after; None where it is not there.
        runs: all runs of the experiments of which any has changed.
        primary: by experiment, the score that ``evaluate.primary`` names; of the others, it is the usual one.
        weakness: by experiment, why its judge knows nothing of the data, if so.
        stale: runs that params.yaml lists, but whose results are missing or were made with other parameters.
        uncommitted: files with parameters or results that differ from the second commit's, or that it lacks.
        figures: pictures of all runs.
        pictures: those of single runs.
        report: address of the whole report.
    """

    base: str
    head: str
    parameters: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    runs: Sequence[RunChange] = ()
    primary: Mapping[str, str | None] = field(default_factory=dict)
    weakness: Mapping[str, str] = field(default_factory=dict)
    stale: Sequence[str] = ()
    uncommitted: Sequence[str] = ()
    figures: Sequence[Picture] = ()
    pictures: Sequence[Picture] = ()
    report: str | None = None


def markdown(changes: Changes) -> str:
    """The comment. If it would be too long, its last parts are left out, and it says so."""
    top = [MARK, "## How this changes the runs", "", _from_to(changes), ""]
    if changes.uncommitted:
        names = [f"`{name}`" for name in changes.uncommitted]
        top += [
            f"**Not included**: {counted(len(names), 'file')} with parameters or results not committed yet: "
            f"{listed(names, 3)}.",
            "",
        ]
    if changes.stale:
        top += [
            f"**Results are missing, or were made with other parameters** than params.yaml has: "
            f"{listed(changes.stale, 20)}. Run `dvc repro` and commit the results.",
            "",
        ]
    parts = [_parameters(changes.parameters)]
    parts += [_experiment(name, changes) for name in dict.fromkeys(run.experiment for run in changes.runs)]
    parts += [_figures(changes.figures), _pictures(changes.pictures)]
    if not any(parts):
        top += ["No parameter, score or picture differs between the two commits.", ""]
    elif changes.runs:
        top += [_METHOD, ""]
    parts += [_details(changes.runs)]
    text = "\n".join(top)
    for index, part in enumerate(parts):
        more = "\n".join([*part, ""])
        if len(text) + len(more) > LIMIT - 200:
            left = sum(bool(part) for part in parts[index:])
            return f"{text}\nToo long for a comment: {left} of its parts left out. The report has all.\n"
        text += "\n" + more if part else ""
    return text


def _from_to(changes: Changes) -> str:
    said = f"Commit `{changes.head}` compared with `{changes.base}`, where the branch began."
    return said + (f" [The whole report]({changes.report})" if changes.report else "")


def _parameters(found: Mapping[str, tuple[Any, Any]]) -> list[str]:
    if not found:
        return []
    rows = [[f"`{name}`", *(_value(value) for value in values)] for name, values in found.items()]
    return ["### Parameters", "", *table(["parameter", "before", "after"], rows)]


def _experiment(name: str, changes: Changes) -> list[str]:
    """Scores of one experiment over its seeds, before and after: a table for each condition."""
    runs = [run for run in changes.runs if run.experiment == name]
    lines = [f"### {name}", "", _seeds(runs), ""]
    scores = {score for run in runs for score in (*(run.before or ()), *(run.after or ()))}
    compared = [score for score in MEANINGS if score in scores and MEANINGS[score].better != "none"]
    if name in changes.weakness:
        if said := sentences.no_verdict(changes.weakness[name], compared):
            lines += [f"{said}.", ""]
        compared = without_judge(compared)
    names, pairs = _names(runs), _pairs(runs)
    for pair in pairs:
        if len(names) > 1:
            lines += [pair.title(names), ""]
        if len(pairs) == 1 or not pair.is_same:
            lines += [*_scores(name, changes, pair, compared), ""]
    return lines[:-1]


@dataclass(frozen=True)
class _Pair:
    """Runs of one condition, and those that they are compared with: of the condition of their seeds before.

    Attributes:
        before: runs of one condition as they were before.
        after: runs of one condition as they are now; of the same condition, or of another.
    """

    before: Sequence[RunChange]
    after: Sequence[RunChange]

    @property
    def is_same(self) -> bool:
        """Whether nothing has changed in the runs that are there now."""
        return bool(self.after) and all(
            run.before == run.after and _condition(run.about_before) == _condition(run.about_after)
            for run in self.after
        )

    @property
    def is_comparable(self) -> bool:
        """Whether both sides are scored alike: by the same judge, on the same data, of as many samples."""
        scored = {_scored_by(run.about_before) for run in self.before}
        return len(scored | {_scored_by(run.about_after) for run in self.after}) < 2

    def title(self, names: Mapping[str, str]) -> str:
        """Which runs are compared; ``names`` are those of the conditions."""
        sides = [
            f"{names[_condition(about)]} ({seeds_in_words(run.seed for run in runs)})"
            for runs, about in (
                (self.after, self.after[0].about_after if self.after else {}),
                (self.before, self.before[0].about_before if self.before else {}),
            )
            if runs
        ]
        if self.is_same:
            return f"**{sides[0]}**: the same as before."
        if len(sides) == 2:
            return f"**{sides[0]}** compared with {sides[1]}:"
        return f"**{sides[0]}**, {'new' if self.after else 'no longer there'}:"


def _pairs(runs: Iterable[RunChange]) -> list[_Pair]:
    """The conditions that there are now, each with one that was there before; then those left over."""
    old: dict[str, list[RunChange]] = {}
    new: dict[str, list[RunChange]] = {}
    for run in runs:
        if run.before is not None:
            old.setdefault(_condition(run.about_before), []).append(run)
        if run.after is not None:
            new.setdefault(_condition(run.about_after), []).append(run)
    pairs, used = [], set()
    for key, alike in new.items():
        shared = Counter(_condition(run.about_before) for run in alike if run.before is not None)
        sizes = shared or Counter({name: len(of) for name, of in old.items()})
        partner = key if key in old else max(sizes, key=sizes.__getitem__, default=key)
        pairs.append(_Pair(old.get(partner, []), alike))
        used.add(partner)
    return pairs + [_Pair(alike, []) for key, alike in old.items() if key not in used]


def _condition(about: Mapping[str, Any]) -> str:
    """What runs that differ by their seed alone have in common."""
    return _dumped(
        {
            name: value
            for name, value in about.items()
            if name == "device" or name.startswith((_PARAMETER, *_SCORED_BY))
            if name != _PARAMETER + PRIMARY_PARAMETER
        }
    )


def _scored_by(about: Mapping[str, Any]) -> str:
    return _dumped(
        {
            name: value
            for name, value in about.items()
            if name.startswith(_SCORED_BY) or scores_depend_on(name.removeprefix(_PARAMETER))
        }
    )


def _dumped(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _names(runs: Iterable[RunChange]) -> dict[str, str]:
    """Conditions by what :func:`_condition` says of them: the values by which they differ."""
    sides = [run.about_before for run in runs if run.before is not None]
    sides += [run.about_after for run in runs if run.after is not None]
    known: dict[str, dict[str, Any]] = {key: json.loads(key) for key in map(_condition, sides)}
    names = sorted({name for about in known.values() for name in about})
    differing = [name for name in names if len({_dumped(about.get(name)) for about in known.values()}) > 1]
    return {
        key: listed([f"{_short(name)} {_short_value(name, about.get(name))}" for name in differing], _NAMED)
        for key, about in known.items()
    }


def _short(name: str) -> str:
    return name.removeprefix(_PARAMETER).removesuffix(".md5")


def _short_value(name: str, value: Any) -> str:
    return str(value)[:6] if name.endswith(".md5") or name.startswith("networks.") else _value(value)


def _scores(name: str, changes: Changes, pair: _Pair, compared: Sequence[str]) -> list[str]:
    """The table of a pair's main scores."""
    before = [run.before for run in pair.before if run.before is not None]
    after = [run.after for run in pair.after if run.after is not None]
    lines = []
    if before and after and not pair.is_comparable:
        lines += [
            "The data, the judge or the number of samples has changed, so the scores are not comparable.",
            "",
        ]
    old, new = (
        {score: [found[score] for found in side if score in found] for score in MEANINGS}
        for side in (before, after)
    )
    primary = _primary(name, changes, [score for score in MEANINGS if old[score] or new[score]])
    same = not pair.is_comparable or before == after
    words = {} if same else _in_words(before, after, compared, primary)
    shown = [score for score in MEANINGS if score in (*MAIN, primary) and (old[score] or new[score])]
    rows = [
        [
            f"{MEANINGS[score].title} {ARROWS[MEANINGS[score].better]}" + ", primary" * (score == primary),
            *(seeds(side[score]) for side in (old, new)),
            words.get(score, ""),
        ]
        for score in shown
    ]
    rows.append(["collapsed", *map(_collapses, (before, after)), ""])
    return [*lines, *table(["score", "before", "after", ""], rows)]


def _collapses(runs: Sequence[Scores]) -> str:
    """How many runs have collapsed; a dash if that is not known of all."""
    if not all("collapsed" in scores for scores in runs):
        return "–"
    return f"{sum(bool(scores['collapsed']) for scores in runs)} of {len(runs)}"


def _primary(experiment: str, changes: Changes, known: Sequence[str]) -> str | None:
    """The score that decides; None if the change itself names another."""
    if f"{experiment}.{PRIMARY_PARAMETER}" in changes.parameters:
        return None
    return verdicts.primary(known, changes.primary.get(experiment))


def _seeds(runs: Sequence[RunChange]) -> str:
    kinds = {
        "new": [run for run in runs if run.before is None],
        "removed": [run for run in runs if run.after is None],
        "changed": [run for run in runs if run.before and run.after and run.before != run.after],
        "the same": [run for run in runs if run.before is not None and run.before == run.after],
    }
    said = [f"{kind}: {seeds_in_words(run.seed for run in of)}" for kind, of in kinds.items() if of]
    return "; ".join(said).capitalize() + "."


def _in_words(
    before: Sequence[Scores], after: Sequence[Scores], compared: Iterable[str], primary: str | None
) -> dict[str, str]:
    """The verdict for each score that all runs have: the primary one alone, the others together."""
    names = [name for name in compared if all(name in run for run in (*before, *after))]
    if not (before and after and names):
        return {}
    old, new = ({name: [run[name] for run in side] for name in names} for side in (before, after))
    found = {verdict.score: verdict for verdict in verdicts.together(old, new)}
    words = {name: _MARKS.get(verdict.answer, "") + verdict.answer for name, verdict in found.items()}
    if primary in names:
        one = verdicts.alone(primary, old[primary], new[primary])
        pairs = f"{one.effect.wins:g} of {one.effect.pairs} pairs, {sentences.p_equals(one.p)}"
        words[primary] = f"{_MARKS.get(one.answer, '')}{one.answer} ({pairs})"
    return words


def _figures(found: Sequence[Picture]) -> list[str]:
    if not found:
        return []
    return ["### Samples", "", *(line for picture in found for line in _beside(picture))]


def _pictures(found: Sequence[Picture]) -> list[str]:
    lines = [line for picture in found[:_PICTURES] for line in _beside(picture)]
    if len(found) > _PICTURES:
        lines += [f"{len(found) - _PICTURES} more pictures have changed."]
    return folded(f"Pictures of single runs ({len(found)})", lines)


def _beside(picture: Picture) -> list[str]:
    shown = [
        f'<img width="{_WIDTH}" alt="{picture.title}, {when}" src="{address}">' if address else "none"
        for when, address in (("before", picture.before), ("after", picture.after))
    ]
    return [f"**{picture.title}**", "", *table(["before", "after"], [shown]), ""]


def _details(runs: Iterable[RunChange]) -> list[str]:
    """Every score of every run that has changed."""
    rows = []
    for run in runs:
        before, after = run.before or {}, run.after or {}
        for name in MEANINGS:
            if before.get(name) != after.get(name):
                values = [_value(side.get(name)) for side in (before, after)]
                rows.append([f"{run.experiment}, seed {run.seed}", MEANINGS[name].title, *values])
    return folded(
        "All scores of single runs", table(["run", "score", "before", "after"], rows) if rows else []
    )


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else plain(value)
