"""How a change affects the runs, as a comment in Markdown for reviewers: numbers and pictures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.gan.evaluation.scores import ARROWS, MAIN, MEANINGS, Scores, without_judge
from stages.gan.report import sentences, verdicts
from stages.gan.report.conditions import PRIMARY_PARAMETER
from stages.gan.report.markdown import folded, plain, seeds, table

MARK = "<!-- gan-workflow: report -->"  # the first line, by which the comment is found again
LIMIT = 65_000  # characters, at most; code hosts take 65,536
_PICTURES = 8  # of runs, at most
_WIDTH = 400  # of pictures, in pixels
_MARKS = {"better": "🟢 ", "worse": "🔴 "}

_METHOD = """\
Median over the seeds (lowest – highest). The last column says whether *after* is better or worse by the rank
test at the 5% level: the primary score is tested by itself, the others are corrected for all scores together
(Westfall and Young). Fewer than 4 seeds are too few for a verdict; for the others, fewer than 5."""


@dataclass(frozen=True)
class RunChange:
    """Scores of one run before and after; None where there is no such run."""

    experiment: str
    seed: int
    before: Scores | None
    after: Scores | None


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
        otherwise: the experiments whose scores cannot be compared: their judge, their data or their number of
            samples has changed.
        weakness: by experiment, why its judge knows nothing of the data, if so.
        stale: runs that params.yaml lists, but whose results are missing or were made with other parameters.
        figures: pictures of all runs.
        pictures: those of single runs.
        report: address of the whole report.
    """

    base: str
    head: str
    parameters: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    runs: Sequence[RunChange] = ()
    primary: Mapping[str, str | None] = field(default_factory=dict)
    otherwise: frozenset[str] = frozenset()
    weakness: Mapping[str, str] = field(default_factory=dict)
    stale: Sequence[str] = ()
    figures: Sequence[Picture] = ()
    pictures: Sequence[Picture] = ()
    report: str | None = None


def markdown(changes: Changes) -> str:
    """The comment. If it would be too long, its last parts are left out, and it says so."""
    top = [MARK, "## How this changes the runs", "", _from_to(changes), ""]
    if changes.stale:
        top += [
            f"**Results are missing, or were made with other parameters** than params.yaml has: "
            f"{_some(changes.stale)}. Run `dvc repro` and commit the results.",
            "",
        ]
    parts = [_parameters(changes.parameters)]
    parts += [_experiment(name, changes) for name in dict.fromkeys(run.experiment for run in changes.runs)]
    parts += [_figures(changes.figures), _pictures(changes.pictures)]
    if not any(parts):
        top += ["No parameter, score or picture differs.", ""]
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
    said = f"`{changes.head}` compared with `{changes.base}`, on which it is based."
    return said + (f" [The whole report]({changes.report})" if changes.report else "")


def _parameters(found: Mapping[str, tuple[Any, Any]]) -> list[str]:
    if not found:
        return []
    rows = [[f"`{name}`", *(_value(value) for value in values)] for name, values in found.items()]
    return ["### Parameters", "", *table(["parameter", "before", "after"], rows)]


def _experiment(name: str, changes: Changes) -> list[str]:
    """Scores of one experiment over its seeds, before and after."""
    runs = [run for run in changes.runs if run.experiment == name]
    before = [run.before for run in runs if run.before is not None]
    after = [run.after for run in runs if run.after is not None]
    lines = [f"### {name}", "", _seeds(runs), ""]
    if name in changes.otherwise:
        lines += [
            "The data, the judge or the number of samples has changed, so the scores are not comparable.",
            "",
        ]
    there = {score for scores in (*before, *after) for score in scores}
    compared = [name for name in MEANINGS if name in there and MEANINGS[name].better != "none"]
    if name in changes.weakness:
        if said := sentences.no_verdict(changes.weakness[name], compared):
            lines += [f"{said}.", ""]
        compared = without_judge(compared)
    old, new = (
        {score: [found[score] for found in side if score in found] for score in MEANINGS}
        for side in (before, after)
    )
    primary = _primary(name, changes, [score for score in MEANINGS if old[score] or new[score]])
    same = name in changes.otherwise or before == after
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
    said = [
        f"{kind}: seed{'s'[: len(of) > 1]} {_some(str(run.seed) for run in of)}"
        for kind, of in kinds.items()
        if of
    ]
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


def _some(names: Iterable[str], most: int = 20) -> str:
    known = list(names)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")
