"""What MLflow holds of a condition, runs that differ by their seed alone: a parent run with their medians."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median

from stages.gan.evaluation.scores import ARROWS, MEANINGS, in_mlflow, of_samples
from stages.gan.report.conditions import Condition
from stages.gan.report.markdown import seeds as over_seeds
from stages.gan.report.markdown import table
from stages.gan.report.sentences import seeds_in_words
from stages.runtime import files, paths
from stages.runtime.errors import listed
from stages.tracking import pages
from stages.tracking.run import Run
from stages.tracking.store import Store
from stages.tracking.tags import CONDITION, GENERATOR, NAME

_NAMED = 5  # seeds in a parent's name, at most


def recorded(conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions that get a parent run: those of several seeds, with a generator file on this machine.

    The file's MD5 sum leads to its run. Of a run without the file, trained elsewhere, this store knows
    nothing.
    """
    return [condition for condition in conditions if len(condition.runs) > 1 and _generators(condition)]


def record(store: Store, condition: Condition) -> None:
    """Log a condition's medians, and the lowest and highest scores, to the one parent of its runs.

    A score's median has the score's own name, so that MLflow shows it in one column with those of the seeds.
    If the store has none of the runs, or cannot be asked, nothing is logged.
    """
    children = _children(store, condition)
    if not children:
        return
    name = _name(condition, list(children))
    parent = store.find(condition.experiment, CONDITION, condition.key)
    if parent is None:
        tags = {CONDITION: condition.key, "device": condition.device}
        found = (CONDITION, condition.key)
        with store.start(
            condition.experiment, name, tags, condition.parameters, if_absent_tag=found
        ) as parent:
            pass
    _log(parent, condition)
    about = _about(condition, list(children))
    parent.set_tags(
        {"seeds": ", ".join(str(run.seed) for run in condition.runs), NAME: name, pages.NOTE: about}
    )
    for child in children.values():
        child.set_parent(condition.experiment, CONDITION, condition.key)


def _children(store: Store, condition: Condition) -> Mapping[int, Run]:
    """The condition's runs that the store has, by their seeds."""
    names = {seed: files.md5(generator) for seed, generator in _generators(condition).items()}
    found = {seed: store.find(condition.experiment, GENERATOR, name) for seed, name in names.items()}
    return {seed: run for seed, run in found.items() if run}


def _generators(condition: Condition) -> dict[int, Path]:
    """The generator files of its runs that are on this machine, by their seeds."""
    found = {run.seed: paths.RunFiles(run.experiment, run.seed).generator for run in condition.runs}
    return {seed: file for seed, file in found.items() if file.exists()}


def _name(condition: Condition, here: Sequence[int]) -> str:
    """The parent's name, with the seeds whose runs the store has; parameters that differ are added to it."""
    place = "" if condition.device == "cpu" else f" on {condition.device}"
    few = "" if len(here) == len(condition.runs) else "here "
    named = listed(list(map(str, here)), _NAMED)
    return f"{condition.experiment}{place}, {len(condition.runs)} seeds ({few}{named})"


def _about(condition: Condition, here: Sequence[int]) -> str:
    """Its seeds and scores, in Markdown."""
    over = seeds_in_words(run.seed for run in condition.runs)
    lines = [f"Medians over {over} (lowest – highest). Each seed is a child run."]
    if others := [run.seed for run in condition.runs if run.seed not in here]:
        place = (paths.RUNS / condition.experiment).as_posix()
        lines[0] = (
            f"Medians over {over} (lowest – highest). The child runs are those of "
            f"{seeds_in_words(here)}; of {seeds_in_words(others)}, only the scores are known here "
            f"(`{place}`)."
        )
    rows = [
        [
            f"{meaning.title} {ARROWS[meaning.better]}",
            over_seeds(scores),
            *(f"{fmean(side):.4g}" for side in _baselines(condition, name)),
        ]
        for name, meaning in MEANINGS.items()
        if (scores := condition.scores(name))
    ]
    if condition.collapsed:
        rows.append(["collapsed", condition.collapses, "", ""])
    return "\n".join([*lines, "", *table(["score", "median", "real data", "noise"], rows)])


def _baselines(condition: Condition, name: str) -> tuple[list[float], list[float]]:
    """What real data and noise score beside each of its runs."""
    both = [run.baselines(name) for run in condition.runs]
    return [real for real, _ in both], [noise for _, noise in both]


def _log(parent: Run, condition: Condition) -> None:
    names = dict.fromkeys(name for run in condition.runs for name in of_samples(run.scores))
    metrics = {"seeds": float(len(condition.runs))}
    for name in names:
        if scores := condition.scores(name):
            metrics[in_mlflow(name)] = median(scores)
            if name in MEANINGS:
                metrics |= {f"{name}_lowest": min(scores), f"{name}_highest": max(scores)}
    parent.log_metrics(metrics)
