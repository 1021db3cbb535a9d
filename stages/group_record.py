"""What MLflow holds of a group of runs: a parent run with their means, to which theirs belong."""

from collections.abc import Sequence
from pathlib import Path

from stages import paths
from stages.gan import intervals, pages, tracking
from stages.gan.groups import Group
from stages.gan.scores import MEANINGS, in_mlflow

GROUP = "dvc.group"  # tag of a parent: its group's key


def recorded(groups: Sequence[Group]) -> list[Group]:
    """Those of which MLflow is to hold a parent: of several seeds, with their networks at hand.

    The network's MD5 sum leads to a run. Where another machine trained, this one's store knows nothing of it.
    """
    return [group for group in groups if len(group.runs) > 1 and _generators(group)]


def record(store: tracking.Store, group: Group) -> None:
    """Log a group's means, and half the width of their 95 percent intervals, to the one parent of its runs.

    A score's mean has the score's own name, so that MLflow shows it in one column with those of the seeds.
    Where the store has none of the runs, or cannot be asked, there is nothing to be a parent of.
    """
    children = _children(store, group)
    if not children:
        return
    name = f"{group.name}, {len(group.runs)} seeds"
    parent = store.find(group.experiment, GROUP, group.key)
    if parent is None:
        tags = {GROUP: group.key, "device": group.device}
        found = (GROUP, group.key)
        with store.start(group.experiment, name, tags, group.parameters, unless=found) as parent:
            pass
    _log(parent, group)
    seeds = ", ".join(str(run.seed) for run in group.runs)
    parent.set_tags({"seeds": seeds, "mlflow.runName": name, pages.NOTE: _about(group, seeds)})
    for child in children:
        child.set_parent(group.experiment, GROUP, group.key)


def _children(store: tracking.Store, group: Group) -> list[tracking.Run]:
    names = [tracking.md5(generator) for generator in _generators(group)]
    found = [store.find(group.experiment, tracking.GENERATOR, name) for name in names]
    return [run for run in found if run]


def _generators(group: Group) -> list[Path]:
    """The generators of its runs, as far as they are at hand."""
    files = [paths.RunFiles(run.experiment, run.seed).generator for run in group.runs]
    return [file for file in files if file.exists()]


def _about(group: Group, seeds: str) -> str:
    """Its seeds and means, in Markdown."""
    lines = [f"The means of seeds {seeds}, with half their 95% intervals. Each seed is a run below.", ""]
    for name, meaning in MEANINGS.items():
        if scores := group.scores(name):
            mean = intervals.mean(scores)
            half = "" if mean.half is None else f" ± {mean.half:.2g}"
            lines.append(f"- {meaning.title}: {mean.value:.4g}{half}")
    if group.collapsed:
        lines.append(f"- collapsed: {group.collapsed} of {len(group.runs)}")
    return "\n".join(lines)


def _log(parent: tracking.Run, group: Group) -> None:
    names = dict.fromkeys(name for run in group.runs for name in run.scores)
    metrics = {"seeds": float(len(group.runs))}
    for name in names:
        mean = intervals.mean(group.scores(name))
        metrics[in_mlflow(name)] = mean.value
        if mean.half is not None and name in MEANINGS:
            metrics[f"{name}_half_interval"] = mean.half
    parent.log_metrics(metrics)
