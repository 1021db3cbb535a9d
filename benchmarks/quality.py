"""Quality against time: a recipe trained as the pipeline does, scored again and again on the way.

``python -m benchmarks.quality EXPERIMENT --seeds 1 2 --epochs 1 2 5`` adds to quality.csv: recipe, seed,
epoch, fid_judge of 10,000 samples, whether the run has collapsed, and the distance that a training measures
itself (``score_every``): ``--ranks`` says how well that ranks epochs. With ``--set train.r1=1`` the recipe is
another, and ``--label`` says how it is called. With ``--mlflow`` it scores the checkpoints that the
pipeline's runs have there. ``--seconds`` measures how long an epoch of each recipe takes here, in turn.
"""

import argparse
import csv
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy import stats
from torch import nn

from benchmarks import pipeline, recipes, speed
from stages.gan.core import devices, params, weights
from stages.gan.evaluation import scoring
from stages.gan.evaluation.reference import Reference
from stages.gan.evaluation.scores import REAL_SUFFIX, Scores
from stages.gan.networks.base import registry, sampling
from stages.gan.plots import lettering
from stages.gan.plots.style import GENERATED, REAL
from stages.gan.report import markdown
from stages.gan.training.batches import Real, steps_per_epoch
from stages.gan.training.best import Distance
from stages.gan.training.loop import Training
from stages.pipeline import known
from stages.runtime import command
from stages.runtime.errors import UserError
from stages.runtime.paths import STORE, ExperimentFiles

RECORD = Path(__file__).parent / "results" / "quality.csv"
SECONDS = RECORD.with_suffix(".json")
SAMPLES = 10_000


@dataclass(frozen=True)
class Recipe:
    """A recipe in the figure: its name, the experiment it is made from, and what is changed of this."""

    name: str
    experiment: str
    changes: tuple[str, ...] = ()


CLASSIC = Recipe("mnist", "mnist")
FAST = Recipe("mnist_fast", "mnist_fast")
COLORS = {CLASSIC: REAL, FAST: GENERATED}


@dataclass(frozen=True)
class Score:
    """How good a training's samples are after so many epochs."""

    recipe: str
    seed: int
    epoch: int
    fid_judge: float
    collapsed: int
    distance: float = math.nan  # that a training measures itself


class Scorer:
    """Scores generators of a recipe against its data, with its judge."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        experiment = recipe.experiment
        found = recipes.load(experiment, recipe.changes)
        self.params = params.select(found, experiment, recipes.PATH)
        self.device = devices.set_up(found.settings.device, found.settings.threads)
        self._name, self._seed = recipe.name, seed
        self._known, _ = known.read(experiment, self.params, self.device)
        if self._known.weakness is not None:
            raise UserError(f"{experiment}: no verdicts, as {self._known.weakness}")
        self._reference = Reference.load(ExperimentFiles(experiment).reference)
        self.split = self._known.real.train

    def __call__(self, generator: nn.Module, epoch: int) -> Score:
        """The score of a generator after so many epochs."""
        found = self.scores(generator)
        return Score(self._name, self._seed, epoch, found["fid_judge_all"], int(found["collapsed"]))

    def scores(self, generator: nn.Module) -> Scores:
        """All scores of a generator's first samples."""
        samples = torch.cat(list(sampling.Sampler(generator, self._seed).samples(SAMPLES)))
        return scoring.score(samples, self._known, self._reference)[0]


def of_real() -> float:
    """The Fréchet distance of real images, those of the test split, to the training images."""
    reference = Reference.load(ExperimentFiles(CLASSIC.experiment).reference)
    return reference.baselines["fid_judge_all" + REAL_SUFFIX]


def trained(recipe: Recipe, seed: int, epochs: Sequence[int]) -> Iterator[Score]:
    """Train a recipe's networks; yield the scores after each of ``epochs``."""
    score = Scorer(recipe, seed)
    gan = Training.of(score.params, score.split, seed=seed, device=score.device)
    real = Real.of(score.split, score.device)
    distance = Distance(gan.generator_ema, real)
    for epoch in gan.epochs(real, torch.zeros(1, gan.latent)):
        if epoch.number in epochs:
            yield replace(score(gan.generator_ema, epoch.number), distance=distance())


def load() -> list[Score]:
    """All scores in the record."""
    with RECORD.open(newline="") as file:
        return [
            Score(
                r["recipe"],
                int(r["seed"]),
                int(r["epoch"]),
                float(r["fid_judge"]),
                int(r["collapsed"]),
                float(r.get("distance") or math.nan),
            )
            for r in csv.DictReader(file)
        ]


def add(new: list[Score]) -> None:
    """Put scores into the record, in place of those of the same recipe and seed."""
    runs = {(score.recipe, score.seed) for score in new}
    others = [s for s in load() if (s.recipe, s.seed) not in runs] if RECORD.exists() else []
    with RECORD.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Score)], lineterminator="\n")
        writer.writeheader()
        for score in sorted(others + new, key=lambda s: (s.recipe, s.seed, s.epoch)):
            row = asdict(score) | {"fid_judge": f"{score.fid_judge:.6g}"}
            row["distance"] = "" if math.isnan(score.distance) else f"{score.distance:.4g}"
            writer.writerow(row)


def checkpoints(recipe: Recipe, seed: int, epochs: Sequence[int]) -> Iterator[Score]:
    """Yield the scores of a run of the pipeline after each of ``epochs``, from its checkpoints in MLflow."""
    from mlflow import MlflowClient

    client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or STORE)
    found = client.get_experiment_by_name(recipe.experiment)
    runs = client.search_runs([found.experiment_id], f"tags.seed = '{seed}'") if found else []
    if not runs:
        raise UserError(f"no run of {recipe.experiment}, seed {seed}, in the MLflow store")
    score = Scorer(recipe, seed)
    with TemporaryDirectory() as folder:
        kept = Path(client.download_artifacts(runs[0].info.run_id, "checkpoints", folder))
        for epoch, path in sorted((int(path.name.removeprefix("epoch-")), path) for path in kept.iterdir()):
            if epoch in epochs:
                file = path / "generator.safetensors"
                yield score(weights.load(file, registry.get_generator, score.device)[0], epoch)


def measure_seconds(rounds: int = 4) -> None:
    """Measure the seconds of an epoch of each recipe, and of the classic one's by the reference, in turn."""
    few = ("--epochs", "1", "--limit", "8000")
    loops = {"reference": ("reference", CLASSIC), **{r.name: ("ours", r) for r in COLORS}}
    found: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, (loop, recipe) in loops.items():
            changes = ("--set", *recipe.changes) if recipe.changes else ()
            found[name].append(speed.run(loop, recipe.experiment, *few, *changes).seconds())
    seconds: dict[str, float] = {}
    for name, (_, recipe) in loops.items():
        score = Scorer(recipe, seed=0)
        steps = steps_per_epoch(len(score.split), score.params.train)
        seconds[name] = round(steps * min(found[name]), 2)  # the least disturbed
    cpu = devices.name(torch.device("cpu"))
    SECONDS.write_text(json.dumps({"cpu": cpu, "seconds": seconds}, indent=2) + "\n")


def by_seed(recipe: str) -> dict[int, list[Score]]:
    """The record's scores of a recipe, by seed, in the order of epochs."""
    found: dict[int, list[Score]] = {}
    for score in load():
        if score.recipe == recipe:
            found.setdefault(score.seed, []).append(score)
    return found


def figure() -> Figure:
    """Quality against time of the recipes, every seed a line; crosses end runs that collapsed."""
    seconds = json.loads(SECONDS.read_text())["seconds"]
    drawn = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = drawn.subplots()
    for recipe, color in COLORS.items():
        for index, scores in enumerate(by_seed(recipe.name).values()):
            x, y = [s.epoch * seconds[recipe.name] for s in scores], [s.fid_judge for s in scores]
            label = f"{recipe.name}, each seed" if index == 0 else None
            axes.plot(x, y, ".-", color=color, lw=1.2, ms=4, alpha=0.8, label=label)
            if scores[-1].collapsed:
                axes.plot(x[-1], y[-1], "x", color=color, ms=8, mew=2)
    axes.axhline(of_real(), color="0.4", ls=":", lw=1.2, label="real test images")
    axes.set(xscale="log", yscale="log", xlabel="seconds of training", ylabel="fid_judge_all")
    axes.set_xticks(ticks := [30, 60, 120, 300, 600, 1200, 1800], map(str, ticks))
    axes.minorticks_off()
    lettering.powers(axes.yaxis)
    drawn.legend(loc="outside upper center", ncols=2)
    return drawn


def table() -> str:
    """What the record says about the recipes."""
    measured = json.loads(SECONDS.read_text())
    seconds, real = measured["seconds"], of_real()
    runs = {recipe: by_seed(recipe.name) for recipe in COLORS}
    lines = [
        f"Seconds are epochs times those that one takes on {measured['cpu']}, measured in turn. Real test "
        f"images have a Fréchet distance of {real:.3g}.",
        "",
    ]
    rows = []
    for recipe, found in runs.items():
        ends = [scores[-1] for scores in found.values()]
        good = sorted(end.fid_judge for end in ends if not end.collapsed)
        rows.append(
            [
                *(recipe.name, str(len(ends)), str(len(ends) - len(good)), str(ends[0].epoch)),
                f"{ends[0].epoch * seconds[recipe.name]:.0f}",
                f"{np.median(good):.3g} ({good[0]:.3g} to {good[-1]:.3g})" if good else "",
            ]
        )
    lines += markdown.table(
        ["recipe", "seeds", "collapsed", "epochs", "seconds", "fid_judge_all of the others"], rows
    )
    last = [scores[-1] for scores in runs[CLASSIC].values()]
    if good := [end.fid_judge for end in last if not end.collapsed]:
        reached = [
            next((s.epoch for s in scores if s.fid_judge <= min(good)), math.inf)
            for scores in runs[FAST].values()
        ]
        needed, loop = max(reached) * seconds[FAST.name], last[0].epoch * seconds["reference"]
        lines += [
            "",
            f"The slowest seed of {FAST.name} is as good as the best of {CLASSIC.name} after {last[0].epoch} "
            f"epochs ({min(good):.3g}) within {needed:.0f} s, 1/{loop / needed:.0f} of the {loop:.0f} s that "
            "the reference loop takes for them.",
        ]
    lines += ["", "| recipe | seed | epochs | fid_judge_all | collapsed |", "| --- | --- | --- | --- | --- |"]
    for recipe, found in runs.items():
        for seed, scores in found.items():
            end = scores[-1]
            collapsed = "yes" if end.collapsed else "no"
            lines.append(f"| {recipe.name} | {seed} | {end.epoch} | {end.fid_judge:.4g} | {collapsed} |")
    return "\n".join(lines)


def ranks(recipe: str) -> str:
    """How well the distance of the training itself ranks the epochs of each seed that were scored."""
    rows = []
    for seed, scores in by_seed(recipe).items():
        known = [score for score in scores if not math.isnan(score.distance)]
        if len(known) < 2:
            continue
        quality = [score.fid_judge for score in known]
        together = stats.spearmanr([score.distance for score in known], quality).statistic
        kept = min(known, key=lambda score: score.distance)
        best = min(known, key=lambda score: score.fid_judge)
        rows.append(
            [
                *(recipe, str(seed), str(len(known)), f"{together:.2f}"),
                *(f"{kept.fid_judge:.3g} (epoch {kept.epoch})", f"{best.fid_judge:.3g} (epoch {best.epoch})"),
                f"{known[-1].fid_judge:.3g}",
            ]
        )
    heads = ["recipe", "seed", "epochs scored", "rank correlation", "kept", "best", "last"]
    return "\n".join(markdown.table(heads, rows))


def main() -> None:
    """Train, or take the pipeline's runs, score and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment")
    parser.add_argument("--seeds", type=int, nargs="+", default=())
    parser.add_argument(
        "--ranks", action="store_true", help="print how well the training's own distance ranks its epochs"
    )
    parser.add_argument("--epochs", type=int, nargs="+", default=(), help="to score after")
    parser.add_argument("--mlflow", action="store_true", help="score the checkpoints of the runs in MLflow")
    parser.add_argument("--seconds", action="store_true", help="measure how long an epoch of each takes")
    parser.add_argument("--label", help="of the recipe in the record; default: the experiment")
    recipes.add_option(parser)
    arguments = parser.parse_args()
    name = arguments.label or arguments.experiment
    recipe = Recipe(name, arguments.experiment, tuple(arguments.set))
    if arguments.seeds:
        pipeline.compute_as_stages()
    for seed in arguments.seeds:
        found: list[Score] = []
        for score in (checkpoints if arguments.mlflow else trained)(recipe, seed, arguments.epochs):
            print(score, flush=True)
            add(found := [*found, score])
    if arguments.seconds:
        measure_seconds()
    if arguments.ranks:
        print(ranks(name))


if __name__ == "__main__":
    command.guard(main)
