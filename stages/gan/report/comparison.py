"""The report: all runs side by side, across seeds, as Markdown with pictures."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from stages.gan.evaluation.scores import COLLAPSE, IN_WORDS, MEANINGS, NEED_CURVE, NEED_LABELS, SPREAD_SUFFIX
from stages.gan.plots import style
from stages.gan.report import comparison_figures, sentences, verdicts
from stages.gan.report.conditions import Apart, ComparableSet, Condition, apart
from stages.gan.report.markdown import folded, plain, seeds, spread, table
from stages.gan.report.sentences import joined

_COLUMNS = 4  # conditions in a table, at most, so that it fits a page
_PICTURES = ("samples.png", "evolution.png", "evolution.gif", "losses.png", "coverage.png")

_INTRODUCTION = """\
The `report` stage of the pipeline writes this page from [runs](runs); the same commit gives the same bytes.
Runs that differ by their seed alone share a column: the **median** over the seeds, and in brackets the lowest
and the highest value. Two baselines show what a score is worth. **real** is the score of real test data,
compared with the real training data (± the standard deviation over random draws; distances of all samples
take all test data at once). **noise** is the score of noise."""


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
        folder: the folder of the report, with the folders of the runs below it.
        figures: the folder below it in which :func:`draw` put the pictures.
    """
    lines = ["# All runs side by side", "", _INTRODUCTION, ""]
    if not comparable_sets:
        return "\n".join([*lines, "There are no runs yet. `make repro` makes some.", ""])
    pictured, found = _with_grids(comparable_sets), apart(comparable_sets)
    for comparable in comparable_sets:
        lines += _section(comparable, found, pictured, folder, figures.relative_to(folder).as_posix())
    if any(len(comparable.conditions) > 1 for comparable in comparable_sets):
        lines += ["## How conditions are compared", "", sentences.METHOD, ""]
    names = [name for name in MEANINGS if any(name in comparable.scores for comparable in comparable_sets)]
    lines += ["## What the scores mean", "", *_meanings(names), ""]
    return "\n".join(lines)


def left_out(comparable: ComparableSet) -> Iterator[str]:
    """The scores and verdicts that the data and the judge do not allow, and why: a paragraph each."""
    if comparable.weakness is not None and (
        said := sentences.no_verdict(comparable.weakness, comparable.scores)
    ):
        yield f"{said}."
    for why in dict.fromkeys(comparable.left_out.values()):
        titles = [MEANINGS[name].title for name, reason in comparable.left_out.items() if reason == why]
        yield f"There is no {joined(titles, 'and no')}: {why}."
    names: tuple[str, ...]
    images = "fid_judge" in comparable.scores
    if images and not comparable.runs[0].shares:
        why = "The images have no labels, so the judges are autoencoders and not classifiers"
        names = NEED_LABELS
    elif not images and "curve_distance" not in comparable.scores:
        why = "No curve is known on which the points should lie"
        names = NEED_CURVE
    else:
        return
    yield f"{why}: there is no {joined([MEANINGS[name].title for name in names], 'and no')}."


def _section(
    comparable: ComparableSet,
    apart: Sequence[Apart],
    pictured: dict[str, list[Condition]],
    folder: Path,
    figures: str,
) -> list[str]:
    lines = [f"## {comparable.shown}", ""]
    for name in comparable.experiments:
        if name in pictured:
            alt = f"{style.SAME_LATENTS}: {name}"
            lines += [f"![{alt}]({figures}/{_file('samples', name)})", ""]
    alt = f"Scores of {comparable.shown} by seed, with median and range, beside those of real data and noise"
    lines += [f"![{alt}]({figures}/{_file('scores', comparable.name)})", ""]
    for chosen in _columns(comparable):
        lines += [*_scores(comparable, chosen), ""]
    if fooled := [name for name in comparable.scores if comparable.noise_is_no_worse(name)]:
        titles = joined(MEANINGS[name].title for name in fooled)
        lines += [
            f"† Noise scores at least as well as real data here, so this says little by itself: {titles}.",
            "",
        ]
    lines += [_seeds(comparable), ""]
    for one in apart:
        if any(condition in (one.first, one.second) for condition in comparable.conditions):
            lines += [sentences.apart(one), ""]
    for name, commit in {run.experiment: run.commit for run in comparable.runs if run.commit}.items():
        lines += [f"The runs of {name} were made by commit `{commit}`. The code has changed since then.", ""]
    lines += [line for absent in left_out(comparable) for line in (absent, "")]
    collapsed = [run for run in comparable.runs if run.collapsed]
    lines += [f"- {run.experiment}, seed {run.seed}: {sentences.collapse(run)}" for run in collapsed]
    lines += [""] if collapsed else []
    for pair in verdicts.pairs(comparable):
        lines += [f"### {pair.second.shown} beside {pair.first.shown}", "", sentences.sentence(pair), ""]
        lines += folded("Score by score", sentences.details(pair)) if pair.verdicts else []
    lines += [
        f"![Losses of all seeds of {comparable.shown}]({figures}/{_file('losses', comparable.name)})",
        "",
    ]
    judges = comparable.runs[0].judge.count
    lines += folded(f"Spread over the {judges} judges", _judges_spread(comparable))
    lines += folded("Parameters that differ", _parameters(comparable))
    return [*lines, *folded("Pictures, scores and parameters of each run", _runs(comparable, folder))]


def _scores(comparable: ComparableSet, conditions: Sequence[Condition]) -> list[str]:
    rows = []
    for name in comparable.scores:
        title = sentences.title(name, comparable.runs[0].samples)
        title += " †" if comparable.noise_is_no_worse(name) else ""
        real, noise = comparable.baselines(name)
        baselines = [spread(real, comparable.real_spread(name)), f"{noise:.4g}"]
        rows.append([title, *(seeds(condition.scores(name)) for condition in conditions), *baselines])
    rows.append(["collapsed", *(condition.collapses for condition in conditions), "", ""])
    rows.append(["computed by", *(condition.computed_by for condition in conditions), "", ""])
    return table(["score", *(condition.shown for condition in conditions), "real", "noise"], rows)


def _seeds(comparable: ComparableSet) -> str:
    """How many seeds each condition has, and how good the judge is."""
    many = [
        f"{len(condition.runs)} of {condition.shown}"
        for condition in comparable.conditions
        if len(condition.runs) > 1
    ]
    single = [condition.shown for condition in comparable.conditions if len(condition.runs) == 1]
    said = [f"Seeds: {', '.join(many)}."] if many else []
    if single:
        alone = "no range" + (" and no comparison" if len(comparable.conditions) > 1 else "")
        said.append(
            f"One seed only: {', '.join(single)}. So there is {alone}; another seed may score differently."
        )
    judge = comparable.runs[0].judge
    who = f"The {judge.count} judges together" if judge.count > 1 else "The judge"
    own = [
        f"{name} {score:.4g}" + (f" (± {apart:.2g} among them)" if apart is not None else "")
        for name, score in judge.scores.items()
        if not name.endswith(SPREAD_SUFFIX)
        for apart in [judge.scores.get(name + SPREAD_SUFFIX)]
    ]
    said.append(f"{who} on test data: {', '.join(own)}.")
    others = {run.judge.processor for run in comparable.runs} - {run.processor for run in comparable.runs}
    if fitted := sorted(other for other in others if other):
        said.append(f"{'They were' if judge.count > 1 else 'It was'} trained on {', '.join(fitted)}.")
    return " ".join(said)


def _judges_spread(comparable: ComparableSet) -> list[str]:
    """Tables of how much the judges disagree: each score's standard deviation, the median over the runs."""
    lines: list[str] = []
    for chosen in _columns(comparable):
        rows = []
        for name in comparable.scores:
            found = [[run.judges_spread(name) for run in condition.runs] for condition in chosen]
            known = [[spread for spread in of if spread is not None] for of in found]
            if any(known):
                cells = (f"{median(spreads):.2g}" if spreads else "–" for spreads in known)
                rows.append([MEANINGS[name].title, *cells])
        header = ["standard deviation over the judges", *(condition.shown for condition in chosen)]
        lines += [*([""] if lines else []), *table(header, rows)] if rows else []
    return lines


def _parameters(comparable: ComparableSet) -> list[str]:
    """Tables of the parameters that differ, with as many conditions in each as fit a page."""
    lines: list[str] = []
    differing = comparable.parameters_that_differ()
    for start in range(0, len(comparable.conditions) if differing else 0, _COLUMNS):
        chosen = slice(start, start + _COLUMNS)
        rows = [
            [f"`{name}`", *("" if value is None else plain(value) for value in values[chosen])]
            for name, values in differing.items()
        ]
        header = ["parameter", *(condition.shown for condition in comparable.conditions[chosen])]
        lines += [*([""] if lines else []), *table(header, rows)]
    return lines


def _columns(comparable: ComparableSet) -> list[tuple[Condition, ...]]:
    """The conditions, in parts that fit the columns of a table."""
    conditions = comparable.conditions
    return [conditions[start : start + _COLUMNS] for start in range(0, len(conditions), _COLUMNS)]


def _runs(comparable: ComparableSet, folder: Path) -> list[str]:
    """A line of links for every run."""
    lines = []
    for experiment in comparable.experiments:
        shared = f"runs/{experiment}"
        pictures = [f"[{style.name_of(file)}]({shared}/{file})" for file in ("data.png", "judge.png")]
        lines.append(f"- {experiment}: {' · '.join(pictures)}")
        for run in (run for run in comparable.runs if run.experiment == experiment):
            path = run.folder.relative_to(folder).as_posix()
            links = [
                f"[{name}]({path}/{file})"
                for file, name in (
                    *((file, style.name_of(file)) for file in _PICTURES),
                    ("metrics.json", "scores"),
                    ("run.json", "parameters"),
                )
            ]
            lines.append(f"  - seed {run.seed}, {run.device}: {' · '.join(links)}")
    return lines


def _meanings(names: Iterable[str]) -> list[str]:
    said = [(name, MEANINGS[name]) for name in names]
    return [
        *(f"- **{one.title}** (`{name}`): {one.about}; {IN_WORDS[one.better]}" for name, one in said),
        f"- **collapsed** (`collapsed`): 1 where {COLLAPSE}; the table has the number of such runs",
    ]


def _with_grids(comparable_sets: Iterable[ComparableSet]) -> dict[str, list[Condition]]:
    """The conditions, by experiment, of which a run has a picture of the latent points that all draw."""
    found: dict[str, list[Condition]] = {}
    for condition in (condition for comparable in comparable_sets for condition in comparable.conditions):
        if any(run.grid for run in condition.runs):
            found.setdefault(condition.experiment, []).append(condition)
    return found


def _file(kind: str, name: str) -> str:
    """The name of a picture's file; a hash stands for characters that it cannot have, so none are equal."""
    plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name).strip("-")[:60]
    if plain != name:
        plain += "-" + hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:6]
    return f"{kind}-{plain}.png"
