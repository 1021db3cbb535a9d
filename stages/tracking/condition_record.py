"""What MLflow holds of a condition, runs that differ by their seed alone: a parent run with their medians."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from stages.gan.evaluation.scores import MEANINGS, in_mlflow
from stages.gan.report.conditions import Condition
from stages.gan.report.markdown import seeds as over_seeds
from stages.runtime import files, paths
from stages.tracking import pages
from stages.tracking.run import Run
from stages.tracking.store import Store
from stages.tracking.tags import CONDITION, GENERATOR, NAME


def recorded(conditions: Sequence[Condition]) -> list[Condition]:
    """Those of which MLflow is to hold a parent: of several seeds, with their networks at hand.

    The network's MD5 sum leads to a run. Where another machine trained, this one's store knows nothing of it.
    """
    return [condition for condition in conditions if len(condition.runs) > 1 and _generators(condition)]


def record(store: Store, condition: Condition) -> None:
    """Log a condition's medians, and the lowest and highest scores, to the one parent of its runs.

    A score's median has the score's own name, so that MLflow shows it in one column with those of the seeds.
    Where the store has none of the runs, or cannot be asked, there is nothing to be a parent of.
    """
    children = _children(store, condition)
    if not children:
        return
    name = f"{condition.name}, {len(condition.runs)} seeds"
    parent = store.find(condition.experiment, CONDITION, condition.key)
    if parent is None:
        tags = {CONDITION: condition.key, "device": condition.device}
        found = (CONDITION, condition.key)
        with store.start(
            condition.experiment, name, tags, condition.parameters, if_absent_tag=found
        ) as parent:
            pass
    _log(parent, condition)
    seeds = ", ".join(str(run.seed) for run in condition.runs)
    parent.set_tags({"seeds": seeds, NAME: name, pages.NOTE: _about(condition, seeds)})
    for child in children:
        child.set_parent(condition.experiment, CONDITION, condition.key)


def _children(store: Store, condition: Condition) -> list[Run]:
    names = [files.md5(generator) for generator in _generators(condition)]
    found = [store.find(condition.experiment, GENERATOR, name) for name in names]
    return [run for run in found if run]


def _generators(condition: Condition) -> list[Path]:
    """The generators of its runs, as far as they are at hand."""
    found = [paths.RunFiles(run.experiment, run.seed).generator for run in condition.runs]
    return [file for file in found if file.exists()]


def _about(condition: Condition, seeds: str) -> str:
    """Its seeds and scores, in Markdown."""
    lines = [f"Medians over seeds {seeds} (lowest – highest). Each seed is a run below.", ""]
    lines += [
        f"- {meaning.title}: {over_seeds(scores)}"
        for name, meaning in MEANINGS.items()
        if (scores := condition.scores(name))
    ]
    if condition.collapsed:
        lines.append(f"- collapsed: {condition.collapses}")
    return "\n".join(lines)


def _log(parent: Run, condition: Condition) -> None:
    names = dict.fromkeys(name for run in condition.runs for name in run.scores)
    metrics = {"seeds": float(len(condition.runs))}
    for name in names:
        if scores := condition.scores(name):
            metrics[in_mlflow(name)] = median(scores)
            if name in MEANINGS:
                metrics |= {f"{name}_lowest": min(scores), f"{name}_highest": max(scores)}
    parent.log_metrics(metrics)
