"""The report: all runs side by side, as Markdown."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.gan.errors import UserError

# Scores in the tables: name in metrics.json, heading, and what is better.
SCORES = {
    "curve_distance": ("distance to the curve", "0 is best"),
    "judge_error": ("distance to the judge's fit", "0 is best"),
    "x1_coverage": ("coverage of x1", "1 is best"),
    "energy_distance": ("energy distance", "0 is best"),
    "fid_judge": ("Fréchet distance", "0 is best; on the judge's features"),
    "confidence": ("judge's confidence", "1 is best"),
    "class_entropy": ("class entropy", "1 is best: all classes alike"),
    "classes_covered": ("classes covered", "all is best"),
    "diversity": ("diversity", "1 is that of the real data"),
}


@dataclass(frozen=True)
class Run:
    """One run as its files tell it; ``judge`` are the scores of the judge on test data."""

    folder: Path
    experiment: str
    seed: int
    device: str
    parameters: dict[str, Any]
    scores: dict[str, float]
    judge: dict[str, float]

    @property
    def collapsed(self) -> bool:
        """Whether it draws little else than one thing, over and over."""
        return bool(self.scores["collapsed"])

    @property
    def shares(self) -> list[float]:
        """Share of each class among its samples; empty for points."""
        return [score for name, score in self.scores.items() if name.startswith("class_share_")]


def load(runs: Path) -> list[Run]:
    """All runs below the folder ``runs``, by experiment and seed.

    Raises:
        UserError: a run's files are damaged.
    """
    found = []
    for path in runs.glob("*/seed-*/run.json"):
        try:
            about, scores, judge = (
                json.loads(file.read_text())
                for file in (path, path.with_name("metrics.json"), path.parent.with_name("judge.json"))
            )
            if "collapsed" not in scores:
                raise ValueError("metrics.json lacks collapsed")
            found.append(Run(path.parent, **about, scores=scores, judge=judge))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path.parent}: not a readable run ({error}); run the evaluate stage") from error
    return sorted(found, key=lambda run: (run.experiment, run.seed))


def markdown(runs: Sequence[Run], folder: Path) -> str:
    """The report on ``runs``, to be written into ``folder``, below which their own folders are."""
    lines = [
        "# All runs side by side",
        "",
        "Made by the `report` stage of the pipeline from `runs/`; every number and picture here comes from",
        "`dvc repro`, and the same commit gives the same bytes. What the scores mean stands at the end.",
        "",
    ]
    if not runs:
        return "\n".join([*lines, "There are no runs yet: `make repro` makes some.", ""])
    experiments = sorted({run.experiment for run in runs})
    for experiment in experiments:
        lines += _section(experiment, [run for run in runs if run.experiment == experiment], folder)
    lines += _differences(runs)
    names = [name for name in SCORES if any(name in run.scores for run in runs)]
    lines += ["## The scores", "", *_meanings(names), ""]
    return "\n".join(lines)


def verdict(run: Run) -> str:
    """One sentence that says plainly what a collapsed run draws."""
    spread = f"their variance is {run.scores['diversity']:.2g} of the real data's"
    if not run.shares:
        covered = f"the samples cover {run.scores['x1_coverage']:.0%} of x1's range"
    else:
        most = max(range(len(run.shares)), key=run.shares.__getitem__)
        covered = (
            f"{run.shares[most]:.0%} of the samples are of class {most}, "
            f"{run.scores['classes_covered']:.0f} of {len(run.shares)} classes are covered"
        )
    return f"Seed {run.seed} has **collapsed**: {covered}, and {spread}."


def _section(experiment: str, runs: Sequence[Run], folder: Path) -> list[str]:
    shared = runs[0].folder.parent.relative_to(folder).as_posix()
    names = [name for name in SCORES if any(name in run.scores for run in runs)]
    rows = []
    for run in runs:
        scores = [f"{run.scores[name]:.4g}" if name in run.scores else "–" for name in names]
        rows.append([str(run.seed), run.device, "**yes**" if run.collapsed else "no", *scores])
    collapsed = [run for run in runs if run.collapsed]
    judge = ", ".join(f"{name} {score:.4g}" for name, score in runs[0].judge.items())
    lines = [
        f"## {experiment}",
        "",
        *_table(["seed", "device", "collapsed", *(SCORES[name][0] for name in names)], rows),
        "",
        " ".join([f"Collapsed: {len(collapsed)} of {len(runs)}.", *map(verdict, collapsed)]),
        "",
        f"The judge, on test data: {judge}.",
        "",
        f"![What the judge of {experiment} makes of test data]({shared}/judge.png)",
        "",
    ]
    for run in runs:
        path, name = run.folder.relative_to(folder).as_posix(), f"{experiment}, seed {run.seed}"
        lines += [
            f"### {experiment}, seed {run.seed}",
            "",
            f"![Real and generated samples: {name}]({path}/samples.png)",
            "",
            f"![Evolution of the same latent points: {name}]({path}/evolution.png)",
            "",
            f"![Losses and mean answers of the discriminator by epoch: {name}]({path}/losses.png)",
            "",
            f"![Coverage of the real data by the samples: {name}]({path}/coverage.png)",
            "",
            f"[Animation]({path}/evolution.gif) · [scores]({path}/metrics.json) · "
            f"[losses]({path}/losses.csv) · [parameters]({path}/run.json)",
            "",
        ]
    return lines


def _differences(runs: Sequence[Run]) -> list[str]:
    """The parameters in which runs differ, one column for all runs that share them."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(json.dumps([run.experiment, run.parameters]), []).append(run)
    columns = [group[0] for group in groups.values()]
    names = list(dict.fromkeys(name for run in columns for name in run.parameters))
    rows = []
    for name in names:
        values = [str(run.parameters.get(name, "")) for run in columns]
        if len(set(values)) > 1:
            rows.append([f"`{name}`", *values])
    heads = [f"{g[0].experiment}, seed {', '.join(str(run.seed) for run in g)}" for g in groups.values()]
    return ["## Parameters that differ", "", *_table(["parameter", *heads], rows), ""] if rows else []


def _meanings(names: Iterable[str]) -> list[str]:
    return [f"- **{SCORES[name][0]}** (`{name}`): {SCORES[name][1]}" for name in names]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
