"""The report: all runs side by side, across seeds, as Markdown with pictures."""

import hashlib
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from stages.gan.evaluation.scores import IN_WORDS, MEANINGS
from stages.gan.report import comparison_figures, intervals, verdicts
from stages.gan.report.conditions import ComparableSet, Condition
from stages.gan.report.markdown import folded, number, table
from stages.gan.report.runs import Run
from stages.gan.report.verdicts import Pair, Verdict

_COLUMNS = 4  # conditions in a table, at most: it has to fit a page

_INTRODUCTION = """\
Made by the `report` stage of the pipeline from [runs](runs); the same commit gives the same bytes. Runs
that differ by their seed alone stand together. **±** is half the 95% confidence interval of their mean
(Student's t over the seeds). Two baselines say what a score is worth: **real** is what real test data get,
held against the real training data, **noise** is what noise gets."""

_METHOD = """\
Two conditions are compared where they are scored alike: on the same data, by the same judge, with as many
samples; in a section with more than four, each with the first one. *Better* and *worse* mean that the 95%
interval of the difference of their means, by Welch's t, leaves out 0; of scores that are best at 0 or 1, it
is the distances from there that are compared. *Not distinguishable* does not mean equal. *Seeds needed*, in
brackets in the sentence, is how many seeds each condition would need for a difference of that size to be
seen at the 5% level in 8 of 10 trials (power 0.8; t approximation), if the difference and the spreads seen
here were the true ones. Where all seeds of both conditions score the same, nothing is known of the spread,
and nothing can be said. Each score has its own interval: of 20 that compare equals, one leaves out 0 by
chance. Student's and Welch's t take the seeds' scores to be about normal, which those of collapsed runs are
not."""


def draw(comparable_sets: Sequence[ComparableSet], folder: Path) -> set[Path]:
    """Draw the report's pictures into ``folder``; returns their files."""
    drawn = set()
    for comparable in comparable_sets:
        for kind, picture in (("scores", comparison_figures.scores), ("losses", comparison_figures.losses)):
            path = folder / _file(kind, comparable.name)
            picture(comparable, path)
            drawn.add(path)
    for experiment, conditions in _with_grids(comparable_sets).items():
        path = folder / _file("samples", experiment)
        comparison_figures.samples(conditions, path)
        drawn.add(path)
    return drawn


def markdown(comparable_sets: Sequence[ComparableSet], folder: Path, figures: Path) -> str:
    """The report on all runs.

    Args:
        comparable_sets: what :func:`conditions.comparable_sets` finds.
        folder: where the report is to be; below it are the folders of the runs.
        figures: where :func:`draw` put the pictures, below ``folder``, too.
    """
    lines = ["# All runs side by side", "", _INTRODUCTION, ""]
    if not comparable_sets:
        return "\n".join([*lines, "There are no runs yet: `make repro` makes some.", ""])
    pictured = _with_grids(comparable_sets)
    for comparable in comparable_sets:
        lines += _section(comparable, pictured, folder, figures.relative_to(folder).as_posix())
    if any(len(comparable.conditions) > 1 for comparable in comparable_sets):
        lines += ["## How conditions are compared", "", _METHOD, ""]
    names = [name for name in MEANINGS if any(name in comparable.scores for comparable in comparable_sets)]
    lines += ["## What the scores mean", "", *_meanings(names), ""]
    return "\n".join(lines)


def verdict(run: Run) -> str:
    """One sentence that says plainly what a collapsed run draws."""
    spread = f"the samples' variance is {run.scores['diversity']:.2g} of the real data's"
    if not run.shares:
        if "x1_coverage" not in run.scores:
            return f"**Collapsed**: {spread}."
        covered = f"the samples cover {run.scores['x1_coverage']:.0%} of x1's range"
    else:
        most = max(range(len(run.shares)), key=run.shares.__getitem__)
        covered = (
            f"{run.shares[most]:.0%} of the samples are of class {most}, "
            f"{run.scores['classes_covered']:.0f} of {len(run.shares)} classes are covered"
        )
    return f"**Collapsed**: {covered}, and {spread}."


def sentence(pair: Pair) -> str:
    """What the scores say of the second condition of a pair beside the first, in a sentence."""
    parts = []
    for answer in ("better", "worse"):
        if found := pair.scores(answer):
            parts.append(f"**{answer}** in {_joined(MEANINGS[verdict.score].title for verdict in found)}")
    if found := pair.scores("not distinguishable"):
        titles = (MEANINGS[verdict.score].title + _would_show(verdict) for verdict in found)
        parts.append(f"**not distinguishable with {pair.seeds}** in {_joined(titles)}")
    return "; ".join(parts) + "."


def left_out(comparable: ComparableSet) -> str:
    """Which scores its data do not allow, and why; nothing if they allow all."""
    images = "fid_judge" in comparable.scores
    if images and not comparable.runs[0].shares:
        why = "The images have no labels: the judge draws them again instead of classifying them"
        names = ["confidence", "classifier_score", "class_entropy", "classes_covered"]
    elif not images and "curve_distance" not in comparable.scores:
        why = "The curve that the points may lie on is not known"
        names = ["curve_distance", "curve_share"]
    else:
        return ""
    return f"{why}, so there is no {_joined([MEANINGS[name].title for name in names], 'and no')}."


def _section(
    comparable: ComparableSet, pictured: dict[str, list[Condition]], folder: Path, figures: str
) -> list[str]:
    lines = [f"## {comparable.name}", ""]
    for name in comparable.experiments:
        if name in pictured:
            alt = f"What all runs of {name} draw for the same latent points"
            lines += [f"![{alt}]({figures}/{_file('samples', name)})", ""]
    alt = f"Scores of {comparable.name} by seed, with means and intervals, between real data and noise"
    lines += [f"![{alt}]({figures}/{_file('scores', comparable.name)})", ""]
    for start in range(0, len(comparable.conditions), _COLUMNS):
        lines += [*_scores(comparable, comparable.conditions[start : start + _COLUMNS]), ""]
    lines += [_seeds(comparable), ""]
    for name, commit in {run.experiment: run.commit for run in comparable.runs if run.commit}.items():
        lines += [f"The runs of {name} were made by commit `{commit}`; the code has changed since.", ""]
    lines += [absent, ""] if (absent := left_out(comparable)) else []
    collapsed = [run for run in comparable.runs if run.collapsed]
    lines += [f"- {run.experiment}, seed {run.seed}: {verdict(run)}" for run in collapsed]
    lines += [""] if collapsed else []
    for pair in verdicts.pairs(comparable):
        lines += _pair(pair)
    lines += [
        f"![Losses of all seeds of {comparable.name}]({figures}/{_file('losses', comparable.name)})",
        "",
    ]
    lines += folded("Parameters that differ", _parameters(comparable))
    return [*lines, *folded("Pictures, scores and parameters of each run", _runs(comparable, folder))]


def _scores(comparable: ComparableSet, conditions: Sequence[Condition]) -> list[str]:
    rows = []
    for name in comparable.scores:
        means = [
            number(intervals.mean(found)) if (found := condition.scores(name)) else "–"
            for condition in conditions
        ]
        baselines = [f"{baseline:.4g}" for baseline in comparable.baselines(name)]
        better = {"low": "↓", "high": "↑", "zero": "→ 0", "one": "→ 1"}[MEANINGS[name].better]
        rows.append([f"{MEANINGS[name].title} {better}", *means, *baselines])
    rows.append(
        [
            "collapsed",
            *(f"{condition.collapsed} of {len(condition.runs)}" for condition in conditions),
            "",
            "",
        ]
    )
    rows.append(["computed by", *(condition.computed_by for condition in conditions), "", ""])
    return table(["score", *(condition.name for condition in conditions), "real", "noise"], rows)


def _seeds(comparable: ComparableSet) -> str:
    """How many seeds the conditions have; plainly, where it is one."""
    many = [
        f"{len(condition.runs)} of {condition.name}"
        for condition in comparable.conditions
        if len(condition.runs) > 1
    ]
    single = [condition.name for condition in comparable.conditions if len(condition.runs) == 1]
    said = [f"Seeds: {', '.join(many)}."] if many else []
    if single:
        alone = "there is no interval" + (" and no comparison" if len(comparable.conditions) > 1 else "")
        said.append(f"One seed only: {', '.join(single)}; so {alone}, and another seed may score otherwise.")
    judge = ", ".join(f"{name} {score:.4g}" for name, score in comparable.runs[0].judge.scores.items())
    said.append(f"The judge, on test data: {judge}.")
    others = {run.judge.processor for run in comparable.runs} - {run.processor for run in comparable.runs}
    if fitted := sorted(other for other in others if other):
        said.append(f"It was fitted on {', '.join(fitted)}.")
    return " ".join(said)


def _pair(pair: Pair) -> list[str]:
    first, second = pair.first, pair.second
    lines = [f"### {second.name} beside {first.name}", ""]
    if not pair.verdicts:
        return [*lines, "Not compared: no two runs of each have a score in common.", ""]
    lines += [f"{second.name} is {sentence(pair)}", ""]
    if first.collapsed or second.collapsed:
        counts = [
            f"{condition.collapsed} of {len(condition.runs)} of {condition.name}"
            for condition in (second, first)
        ]
        lines += [f"Collapsed: {', '.join(counts)}. {_without_collapsed(pair)}", ""]
    return [*lines, *folded("The differences and their intervals", _verdicts(pair.verdicts))]


def _without_collapsed(pair: Pair) -> str:
    """What collapsed runs hide: their scores are so far off that an interval with them holds anything."""
    names = [verdict.score for verdict in pair.verdicts]
    without_collapsed = verdicts.compare(
        pair.first.without_collapsed(), pair.second.without_collapsed(), names
    )
    if not without_collapsed.verdicts:
        return "Of one condition, fewer than two are left without these, too few to compare."
    said = sentence(without_collapsed).replace("**", "")
    return f"Of those that are left, a choice made after seeing them, {pair.second.name} is {said}"


def _verdicts(found: Iterable[Verdict]) -> list[str]:
    rows = []
    for verdict in found:
        meaning, difference = MEANINGS[verdict.score], verdict.difference
        title = meaning.title
        if meaning.better in verdicts.BEST:
            title += f", distance from {verdicts.BEST[meaning.better]:.0f}"
        known = math.isfinite(difference.low)
        interval = f"{difference.low:.4g} to {difference.high:.4g}" if known else "no spread seen"
        rows.append([title, f"{difference.value:+.4g}", interval, verdict.answer, _needed(verdict) or "–"])
    return table(["score", "difference", "95% interval", "verdict", "seeds needed"], rows)


def _needed(verdict: Verdict) -> str:
    """How many seeds would show it; nothing if that is not known."""
    if not verdict.difference.value or not math.isfinite(verdict.difference.low):
        return ""
    return f"more than {intervals.MOST}" if verdict.needed is None else str(verdict.needed)


def _would_show(verdict: Verdict) -> str:
    return f" ({needed})" if (needed := _needed(verdict)) else ""


def _parameters(comparable: ComparableSet) -> list[str]:
    """Tables of the parameters that differ, so many conditions in each that it fits a page."""
    lines: list[str] = []
    differing = comparable.parameters_that_differ()
    for start in range(0, len(comparable.conditions) if differing else 0, _COLUMNS):
        chosen = slice(start, start + _COLUMNS)
        rows = [
            [f"`{name}`", *("" if value is None else str(value) for value in values[chosen])]
            for name, values in differing.items()
        ]
        lines += [
            *([""] if lines else []),
            *table(["parameter", *(g.name for g in comparable.conditions[chosen])], rows),
        ]
    return lines


def _runs(comparable: ComparableSet, folder: Path) -> list[str]:
    """A line of links for every run."""
    lines = []
    for experiment in comparable.experiments:
        shared = f"runs/{experiment}"
        lines.append(f"- {experiment}: [data]({shared}/data.png) · [judge]({shared}/judge.png)")
        for run in (run for run in comparable.runs if run.experiment == experiment):
            path = run.folder.relative_to(folder).as_posix()
            links = [
                f"[{name}]({path}/{file})"
                for name, file in (
                    ("samples", "samples.png"),
                    ("evolution", "evolution.png"),
                    ("animation", "evolution.gif"),
                    ("losses", "losses.png"),
                    ("coverage", "coverage.png"),
                    ("scores", "metrics.json"),
                    ("parameters", "run.json"),
                )
            ]
            lines.append(f"  - seed {run.seed}, {run.device}: {' · '.join(links)}")
    return lines


def _meanings(names: Iterable[str]) -> list[str]:
    return [
        f"- **{MEANINGS[name].title}** (`{name}`): {MEANINGS[name].about}; {IN_WORDS[MEANINGS[name].better]}"
        for name in names
    ]


def _with_grids(comparable_sets: Iterable[ComparableSet]) -> dict[str, list[Condition]]:
    """Experiments and their conditions, as far as runs of these have pictures of the common latent points."""
    found: dict[str, list[Condition]] = {}
    for condition in (condition for comparable in comparable_sets for condition in comparable.conditions):
        if any(run.grid for run in condition.runs):
            found.setdefault(condition.experiment, []).append(condition)
    return found


def _joined(titles: Iterable[str], last_by: str = "and") -> str:
    *most, last = titles
    return f"{', '.join(most)} {last_by} {last}" if most else last


def _file(kind: str, name: str) -> str:
    """A picture's file: no two are the same, as what the name loses on the way is in its hash."""
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-")[:60]
    if plain != name:
        plain += "-" + hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:6]
    return f"{kind}-{plain}.png"
