"""The main scores of each experiment, and the tables of losses and scores for the charts of ``dvc plots``."""

import csv
import io
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from stages.gan.evaluation.scores import IN_WORDS, MAIN, MEANINGS, SPREAD_SUFFIX
from stages.gan.report.conditions import ComparableSet, Condition, conditions
from stages.gan.report.runs import Run

_POINTS = 10_000  # epochs of all runs together, at most, in a table of losses


def medians(runs: Iterable[Run]) -> dict[str, dict[str, float]]:
    """The main scores of each experiment, by its name: the medians over its runs.

    If runs are not comparable, because of other judges or devices, the largest condition counts. Beside the
    scores of :data:`MAIN` there are ``collapsed``, the number of collapsed runs (if it is known of all),
    ``seeds``, the number of runs, and the judges' own score on test data.
    """
    found: dict[str, list[Run]] = {}
    for condition in conditions(runs):
        if len(condition.runs) > len(found.get(condition.experiment, ())):
            found[condition.experiment] = list(condition.runs)
    return {name: _median(chosen) for name, chosen in found.items()}


def losses(comparable_sets: Sequence[ComparableSet]) -> str:
    """The losses of all runs as CSV: runs (their condition), seed, network, epoch, loss (nats).

    If all runs together have more than 10,000 epochs, only every second, third, … and the last are taken.
    """
    conditions = [condition for comparable in comparable_sets for condition in comparable.conditions]
    epochs = sum(len(run.losses["epoch"]) for condition in conditions for run in condition.runs)
    every = max(1, -(-epochs // _POINTS))
    rows = []
    for condition in conditions:
        for run in condition.runs:
            numbers = run.losses["epoch"]
            chosen = sorted({*range(0, len(numbers), every), len(numbers) - 1})
            for network, name in (("discriminator", "loss_d"), ("generator", "loss_g")):
                rows += [
                    [condition.name, run.seed, network, int(numbers[i]), run.losses[name][i]] for i in chosen
                ]
    return _csv(["runs", "seed", "network", "epoch", "loss"], rows)


def scores(comparable_sets: Sequence[ComparableSet]) -> str:
    """The main scores of all runs as CSV.

    Columns: runs (their condition), seed, name (the score's title), kind (a distance, which may be any number
    above 0, or a share, of 1), score, real, noise, better, collapsed (1, 0, or nothing).
    """
    rows = [
        [
            condition.name,
            run.seed,
            MEANINGS[name].title,
            kind,
            run.scores[name],
            *run.baselines(name),
            better,
            collapsed,
        ]
        for comparable in comparable_sets
        for condition in comparable.conditions
        for name, kind in _main(condition)
        for better in [IN_WORDS[MEANINGS[name].better]]
        for run in condition.runs
        for collapsed in ["" if run.collapsed is None else int(run.collapsed)]
    ]
    header = ["runs", "seed", "name", "kind", "score", "real", "noise", "better", "collapsed"]
    return _csv(header, rows)


def _main(condition: Condition) -> list[tuple[str, str]]:
    named = [name for name in MAIN if condition.scores(name)]
    return [(name, "distance" if MEANINGS[name].better == "low" else "share") for name in named]


def _median(runs: Sequence[Run]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in MAIN:
        if all(name in run.scores for run in runs):
            found[name] = float(f"{median(run.scores[name] for run in runs):.6g}")
    if all(run.collapsed is not None for run in runs):
        found["collapsed"] = sum(bool(run.collapsed) for run in runs)
    found["seeds"] = len(runs)
    for name, score in runs[0].judge.scores.items():
        if name != "loss" and not name.endswith(SPREAD_SUFFIX):
            found[f"judge_{name}"] = score
    return found


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
