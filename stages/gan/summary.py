"""Runs in few numbers: the main scores of each experiment, and tables for charts of losses and scores."""

import csv
import io
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from stages.gan.groups import Family, Group
from stages.gan.runs import Run
from stages.gan.scores import IN_WORDS, MAIN, MEANINGS

_POINTS = 10_000  # epochs of all runs together, at most, in a table of losses


def means(runs: Iterable[Run]) -> dict[str, dict[str, float]]:
    """The main scores of each experiment: by its name, the means over its runs.

    Beside the scores of :data:`MAIN` there are ``collapsed``, how many runs have, ``seeds``, how many there
    are, and the judge's own score on test data.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.experiment, []).append(run)
    return {name: _mean(chosen) for name, chosen in found.items()}


def losses(families: Sequence[Family]) -> str:
    """The losses of all runs as CSV: runs (their group), seed, network, epoch, loss (nats).

    Where all runs together have more than 10,000 epochs, each has every second, third, … and its last.
    """
    groups = [group for family in families for group in family.groups]
    epochs = sum(len(run.losses["epoch"]) for group in groups for run in group.runs)
    every = max(1, -(-epochs // _POINTS))
    rows = []
    for group in groups:
        for run in group.runs:
            numbers = run.losses["epoch"]
            chosen = sorted({*range(0, len(numbers), every), len(numbers) - 1})
            for network, name in (("discriminator", "loss_d"), ("generator", "loss_g")):
                rows += [
                    [group.name, run.seed, network, int(numbers[i]), run.losses[name][i]] for i in chosen
                ]
    return _csv(["runs", "seed", "network", "epoch", "loss"], rows)


def scores(families: Sequence[Family]) -> str:
    """The main scores of all runs as CSV.

    Columns: runs (their group), seed, name (the score's title), kind (a distance, which may be any number
    above 0, or a share, of 1), score, floor, ceiling, better, collapsed (1 or 0).
    """
    rows = [
        [
            group.name,
            run.seed,
            MEANINGS[name].title,
            kind,
            run.scores[name],
            *run.anchors(name),
            better,
            collapsed,
        ]
        for family in families
        for group in family.groups
        for name, kind in _main(group)
        for better in [IN_WORDS[MEANINGS[name].better]]
        for run in group.runs
        for collapsed in [int(run.collapsed)]
    ]
    header = ["runs", "seed", "name", "kind", "score", "floor", "ceiling", "better", "collapsed"]
    return _csv(header, rows)


def _main(group: Group) -> list[tuple[str, str]]:
    named = [name for name in MAIN if group.scores(name)]
    return [(name, "distance" if MEANINGS[name].better == "low" else "share") for name in named]


def _mean(runs: Sequence[Run]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in MAIN:
        if all(name in run.scores for run in runs):
            found[name] = float(f"{fmean(run.scores[name] for run in runs):.6g}")
    found["collapsed"] = sum(run.collapsed for run in runs)
    found["seeds"] = len(runs)
    for name, score in runs[0].judge.scores.items():
        if name != "loss":
            found[f"judge_{name}"] = score
    return found


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
