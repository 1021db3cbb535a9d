"""The study of docs/study.md: which loss is best, if all have the same networks and the same time?

``python -m benchmarks.study`` chooses a learning rate for each loss on seeds that are used for nothing else,
trains each loss with it on five new seeds by the pipeline, and writes the results: every training to
benchmarks/results/study.csv, tables and verdicts into docs/study.md, pictures to docs/images. It takes about
90 minutes on 2 cores, and goes on where it was stopped if ``--folder`` names the same folder. It needs MNIST,
like the pipeline.

How many epochs each loss gets is in benchmarks/results/study.json: as many as take the same seconds.
``--measure`` measures that again, and the results are then others.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from benchmarks import pages, pipeline, quality, sweep
from stages.gan.core import devices, portability
from stages.gan.core.datasets import Dataset
from stages.gan.plots import image_files
from stages.gan.plots.style import COLLAPSED, GENERATED, REAL
from stages.gan.report import comparison_figures, conditions, markdown, runs, sentences, verdicts
from stages.gan.report.conditions import ComparableSet
from stages.gan.training.batches import Real
from stages.gan.training.loop import DivergenceError, Training
from stages.runtime import command
from stages.runtime.errors import say
from stages.runtime.paths import ExperimentFiles

RESULTS = Path(__file__).parent / "results"
RECORD, EPOCHS = RESULTS / "study.csv", RESULTS / "study.json"
PAGE, IMAGES = Path("docs/study.md"), Path("docs/images")
START, END = "<!-- made by python -m benchmarks.study -->", "<!-- end of what it made -->"
SEARCH_SEEDS, SEEDS = (1001, 1002), (1, 2, 3, 4, 5)
RATES = (0.0005, 0.001, 0.002, 0.004)
LOWEST, HIGHEST = 0.000125, 0.016  # how far the search goes on beyond the rates above

# What a loss changes in the training, as its authors propose it; the values are those of docs/modern.md.
LOSSES: dict[str, dict[str, Any]] = {
    "bce": {},
    "bce_r1": {"loss": "bce", "r1": 0.5, "penalty_every": 8},
    "hinge": {"loss": "hinge"},
    "least_squares": {"loss": "least_squares"},
    "relativistic": {"loss": "relativistic", "r1": 0.5, "r2": 0.5, "penalty_every": 8},
    "wasserstein": {"loss": "wasserstein", "gp": 10, "d_steps": 5},
}
# All trainings have this in common; there are no classes, as the losses are to be seen alone.
COMMON = {"loss": "bce", "condition": False, "r1": 0, "penalty_every": 1, "lr_decay": "cosine"}
PRIMARY = "fid_judge"


@dataclass(frozen=True)
class Data:
    """Data of the study: name, experiment they are taken from, what is changed, seconds of a training."""

    name: str
    experiment: str
    changes: dict[str, Any]
    seconds: float


DATA = (Data("digits", "digits", {}, 15), Data("mnist", "mnist_fast", {"limit": 6000}, 45))


@dataclass(frozen=True)
class Trained:
    """A training of the study and its score; that of one that diverged is infinite."""

    part: str  # search or runs
    data: str
    loss: str
    lr: float
    seed: int
    epochs: int
    fid_judge: float
    collapsed: int
    md5: str = ""  # of the generator's file, if the pipeline made it


def experiments(content: dict[str, Any], epochs: dict[str, int]) -> dict[str, Any]:
    """The blocks of all experiments of the study, from the content of params.yaml.

    Args:
        content: of params.yaml.
        epochs: of each experiment, by its name.
    """
    blocks = {}
    for data in DATA:
        for loss, changes in LOSSES.items():
            name, block = _name(data.name, loss), json.loads(json.dumps(content[data.experiment]))
            block["data"] |= data.changes
            block["train"] |= COMMON | changes | {"epochs": epochs.get(name, 1)}
            block["train"] |= {"image_every": 1000, "checkpoint_every": 1000}
            blocks[name] = block
    return blocks


def set_up(folder: Path) -> None:
    """Make a checkout of the project for the study, unless the folder has one already."""
    if not (folder / "dvc.yaml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        pipeline.checkout(folder)
    epochs = json.loads(EPOCHS.read_text())["epochs"] if EPOCHS.exists() else {}
    content = yaml.safe_load(Path("params.yaml").read_text())
    made = experiments(content, epochs)
    content |= {"experiments": list(made), "seeds": list(SEEDS), "threads": 1, **made}
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def measure(folder: Path, rounds: int = 2, limit: int = 4000) -> None:
    """Find how many epochs of each loss take the same time here, each measured alone with one thread.

    What is timed is an update of the discriminator, with its share of the generator's.
    """
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for data in DATA:
            for loss in LOSSES:
                name = _name(data.name, loss)
                options = ("ours", name, "--epochs", "1", "--limit", str(limit), "--threads", "1")
                times = json.loads(_call(folder, "worker", *options).splitlines()[-1])["times"]
                found.setdefault(name, []).append(times[-1] / (len(times) - 1))
    content = yaml.safe_load((folder / "params.yaml").read_text())
    epochs, updates = {}, {}
    for data in DATA:
        samples = len(Dataset.load(folder / ExperimentFiles(_first(data.name)).dataset).train)
        for loss in LOSSES:
            name = _name(data.name, loss)
            updates[name] = round(min(found[name]) * 1000, 2)
            epochs[name] = epochs_within(data.seconds, samples, content[name]["train"], min(found[name]))
    about = {
        "cpu": devices.name(torch.device("cpu")),
        "seconds": {data.name: data.seconds for data in DATA},
        "milliseconds_of_an_update": updates,
        "epochs": epochs,
    }
    EPOCHS.write_text(json.dumps(about, indent=2) + "\n")


def epochs_within(seconds: float, samples: int, train: Mapping[str, Any], update: float) -> int:
    """How many epochs take so many seconds, at least one.

    Args:
        seconds: the time for all epochs.
        samples: in an epoch.
        train: the block ``train`` of the experiment.
        update: seconds of an update of the discriminator, with its share of the generator's.
    """
    d_steps: int = train.get("d_steps", 1)
    updates: int = samples // (train["batch_size"] * d_steps) * d_steps
    return max(1, round(seconds / (updates * update)))


def trial(data: str, loss: str, lr: float, seed: int) -> None:
    """Train with a learning rate as an experiment of this folder does, and print the score.

    The data and the judge are those of the first loss, which are the same for all.
    """
    train = yaml.safe_load(Path("params.yaml").read_text())[_name(data, loss)]["train"] | {"lr": lr}
    changes = [f"train.{key}={json.dumps(value)}" for key, value in train.items()]
    score = quality.Scorer(quality.Recipe(loss, _first(data), tuple(changes)), seed)
    gan = Training.of(score.params, score.split, seed=seed, device=score.device)
    try:
        for _ in gan.epochs(Real.of(score.split, score.device), torch.zeros(1, gan.latent)):
            pass
    except DivergenceError:
        print(json.dumps([math.inf, 1]))
        return
    found = score.scores(gan.generator_ema)
    print(json.dumps([found[PRIMARY], int(found["collapsed"])]))


def search(folder: Path, workers: int, known: Sequence[Trained] = ()) -> list[Trained]:
    """Train each loss with each learning rate on the seeds of the search.

    If the best rate is the lowest or the highest one tried, half or twice that is tried, too. The folder
    keeps what is done, so that it is not repeated after a stop; ``known`` is not trained either.
    """
    kept = folder / ".dvc/tmp/study.csv"
    content = yaml.safe_load((folder / "params.yaml").read_text())
    done = {(one.data, one.loss, one.lr, one.seed, one.epochs): one for one in [*known, *load(kept)]}
    rates = {(data.name, loss): [*RATES] for data in DATA for loss in LOSSES}

    def train(data: str, loss: str, lr: float, seed: int, epochs: int) -> Trained:
        said = _call(folder, "study", "--trial", data, loss, str(lr), str(seed))
        fid, collapsed = json.loads(said.splitlines()[-1])
        return Trained("search", data, loss, lr, seed, epochs, _short(fid), collapsed)

    while True:
        wanted = [
            (data, loss, lr, seed, content[_name(data, loss)]["train"]["epochs"])
            for (data, loss), tried in rates.items()
            for lr in tried
            for seed in SEARCH_SEEDS
        ]
        with ThreadPoolExecutor(workers) as pool:
            begun = {pool.submit(train, *key): key for key in wanted if key not in done}
            for ended in as_completed(begun):  # only this thread writes
                one = done[begun[ended]] = ended.result()
                save(kept, [*done.values()])
                say(f"study: {one.data}, {one.loss}, lr {one.lr:g}, seed {one.seed}: {one.fid_judge:g}")
        searched = [done[key] for key in wanted]
        best = chosen(searched)
        further = {key: rate for key in rates if (rate := beyond(rates[key], best[key]))}
        if not further:
            return searched
        for key, rate in further.items():
            rates[key] = sorted([*rates[key], rate])


def beyond(tried: Sequence[float], best: float) -> float | None:
    """The learning rate to try next: none if the best is between others, or at the limit."""
    if best == min(tried) > LOWEST:
        return best / 2
    return best * 2 if best == max(tried) < HIGHEST else None


def chosen(searched: Sequence[Trained]) -> dict[tuple[str, str], float]:
    """The learning rate of each data and loss: that with the fewest collapses, then the best worse seed."""
    found: dict[tuple[str, str], dict[float, tuple[int, float]]] = {}
    for one in searched:
        rates = found.setdefault((one.data, one.loss), {})
        collapses, worst = rates.get(one.lr, (0, 0.0))
        rates[one.lr] = (collapses + one.collapsed, max(worst, one.fid_judge))
    return {key: min(rates, key=lambda lr: rates[lr]) for key, rates in found.items()}


def compare(folder: Path, rates: dict[tuple[str, str], float]) -> dict[str, ComparableSet]:
    """Train all losses with their learning rates on the seeds of the comparison, by a sweep.

    Returns:
        The runs, by the name of their data.
    """
    pipeline.change_params(folder, {_name(*key): {"train": {"lr": lr}} for key, lr in rates.items()})
    pipeline.commit(folder)
    process = sweep.start(folder)
    assert process.stdout is not None
    for line in process.stdout:
        say(line.rstrip())
    if process.wait():
        raise RuntimeError("the sweep has failed")
    found = conditions.comparable_sets(runs.load(folder / "reports/runs"))
    return {one.conditions[0].experiment.partition("_")[0]: one for one in found}


def compared(folder: Path, found: Mapping[str, ComparableSet]) -> Iterator[Trained]:
    """The runs of the comparison."""
    lock = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    for run in (run for one in found.values() for run in one.runs):
        data, _, loss = run.experiment.partition("_")
        outs = lock[f"train@{run.experiment}-{run.seed}"]["outs"]
        md5 = next(out["md5"] for out in outs if out["path"].endswith("generator.safetensors"))
        lr, epochs = run.parameters["train.lr"], run.parameters["train.epochs"]
        score = _short(run.scores[PRIMARY])
        yield Trained("runs", data, loss, lr, run.seed, epochs, score, int(bool(run.collapsed)), md5)


def load(record: Path) -> list[Trained]:
    """All trainings in the record."""
    if not record.exists():
        return []
    with record.open(newline="") as file:
        return [
            Trained(
                *(r["part"], r["data"], r["loss"], float(r["lr"]), int(r["seed"]), int(r["epochs"])),
                *(float(r["fid_judge"]), int(r["collapsed"]), r["md5"]),
            )
            for r in csv.DictReader(file)
        ]


def save(record: Path, trained: Sequence[Trained]) -> None:
    """Write the record."""
    rows = sorted(trained, key=lambda one: (one.part != "search", one.data, one.loss, one.lr, one.seed))
    with record.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Trained)])
        writer.writerows([*(f"{v:g}" if isinstance(v, float) else v for v in astuple(one))] for one in rows)


def text(trained: Sequence[Trained], found: Mapping[str, ComparableSet]) -> str:
    """Tables and verdicts, in Markdown."""
    measured = json.loads(EPOCHS.read_text())
    searched = [one for one in trained if one.part == "search"]
    rates, lines = chosen(searched), []
    for data in DATA:
        comparable = found[data.name]
        real, noise = comparable.baselines(PRIMARY)
        seconds = measured["seconds"][data.name]
        lines += [
            f"### {data.name}: {seconds:g} seconds",
            "",
            f"![Samples of all runs on {data.name} from the same points](images/study-{data.name}.png)",
            "",
            f"Real test images have a `{PRIMARY}` of {real:.3g}, noise {noise:.4g}. Median over the seeds "
            f"(lowest – highest).",
            "",
        ]
        rows = []
        for condition in comparable.conditions:
            run = condition.runs[0]
            loss = run.experiment.partition("_")[2]
            rows.append(
                [
                    *(f"`{loss}`", f"{run.parameters['train.lr']:g}", str(run.parameters["train.epochs"])),
                    *(markdown.seeds(condition.scores(PRIMARY)), condition.collapses),
                ]
            )
        lines += [*markdown.table(["loss", "lr", "epochs", f"{PRIMARY} ↓", "collapsed"], rows), ""]
        lines += [f"- {sentences.sentence(pair)}" for pair in verdicts.pairs(comparable)]
        lines += ["", "The search: each cell has the scores of both seeds; the chosen rate is bold.", ""]
        rows, all_rates = [], sorted({one.lr for one in searched if one.data == data.name})
        for loss in LOSSES:
            cells = []
            for lr in all_rates:
                both = [
                    f"{one.fid_judge:.3g}" + ("\u00a0✗" if one.collapsed else "")
                    for one in searched
                    if (one.data, one.loss, one.lr) == (data.name, loss, lr)
                ]
                said = ", ".join(both) or "–"
                cells.append(f"**{said}**" if rates[data.name, loss] == lr else said)
            rows.append([f"`{loss}`", *cells])
        lines += [*markdown.table(["loss", *(f"lr {lr:g}" for lr in all_rates)], rows), ""]
    lines.append(f"✗: collapsed. Times were measured on {measured['cpu']}, one thread.")
    return "\n".join(lines)


def figure(trained: Sequence[Trained], found: Mapping[str, ComparableSet]) -> Figure:
    """The score of each run by loss, and its median, beside that of real images."""
    drawn = Figure(figsize=(7.2, 2.9), layout="constrained")
    panels = drawn.subplots(1, len(DATA), squeeze=False)[0]
    for axes, data in zip(panels, DATA, strict=True):
        for place, loss in enumerate(LOSSES):
            ours = [one for one in trained if (one.part, one.data, one.loss) == ("runs", data.name, loss)]
            for one, aside in zip(ours, np.linspace(-0.2, 0.2, len(ours)), strict=True):
                color, marker = (COLLAPSED, "x") if one.collapsed else (GENERATED, "o")
                axes.plot(place + aside, one.fid_judge, marker, color=color, ms=4)
            middle = median(one.fid_judge for one in ours)
            axes.plot([place - 0.3, place + 0.3], [middle, middle], color="0.3", lw=1.2)
        real, _ = found[data.name].baselines(PRIMARY)
        axes.axhline(real, color=REAL, ls=":", lw=1.2, label="real test images")
        axes.set(yscale="log", ylabel=f"{PRIMARY} (log)", title=f"{data.name}, {data.seconds:g} s")
        axes.set_xticks(range(len(LOSSES)), [loss.replace("_", "\n") for loss in LOSSES], rotation=30)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    panels[-1].legend()
    return drawn


def main() -> None:
    """Search, compare and write; or one of the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="for the checkout, to go on in; default: a temporary one")
    parser.add_argument(
        "--recorded", action="store_true", help="take the search from study.csv, and only train to compare"
    )
    parser.add_argument("--measure", action="store_true", help="measure again how many epochs each loss gets")
    parser.add_argument("--trial", nargs=4, help=argparse.SUPPRESS)  # data, loss, learning rate, seed
    arguments = parser.parse_args()
    if arguments.trial:
        data, loss, lr, seed = arguments.trial
        trial(data, loss, float(lr), int(seed))
        return
    with TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary, "study")
        set_up(folder)
        first = [f"reference@{_first(data.name)}" for data in DATA]
        subprocess.run(["dvc", "repro", *first], cwd=folder, env=pipeline.environment(), check=True)
        if arguments.measure or not EPOCHS.exists():
            measure(folder)
            set_up(folder)
        recorded = [one for one in load(RECORD) if one.part == "search"] if arguments.recorded else []
        searched = search(folder, os.cpu_count() or 1, recorded)
        if not recorded:
            save(RECORD, searched)
        found = compare(folder, chosen(searched))
        trained = [*searched, *compared(folder, found)]
        save(RECORD, trained)
        for name, one in found.items():
            comparison_figures.samples(one.conditions, IMAGES / f"study-{name}.png")
        image_files.save(figure(trained, found), IMAGES / "study.png")
        PAGE.write_text(pages.insert(PAGE.read_text(), START, END, text(trained, found)))


def _name(data: str, loss: str) -> str:
    return f"{data}_{loss}"


def _first(data: str) -> str:
    return _name(data, next(iter(LOSSES)))


def _short(score: float) -> float:
    """The score as the record has it."""
    return float(f"{score:.6g}")


def _call(folder: Path, module: str, *arguments: str) -> str:
    """Run a module of the benchmarks in the checkout as the stages compute; returns what it prints."""
    line = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    env = pipeline.environment() | portability.LIMITS
    return subprocess.run(line, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    command.guard(main)
