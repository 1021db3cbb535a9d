"""Run all benchmarks, and write tables and figures to benchmarks/results: ``python -m benchmarks``.

Tables of speed have a section for each kind of CPU, and there is a figure for each; only those of this
machine's CPU are written anew.

It takes about 20 minutes. What takes longer, the quality of whole trainings of several seeds, is
recorded in quality.csv by ``python -m benchmarks.quality``, and read from there.
"""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml

from benchmarks import floor, gpu, memory, pages, pipeline, quality, speed, worker
from stages.gan.core import devices, params, portability
from stages.gan.core.datasets import Dataset
from stages.gan.plots import image_files
from stages.runtime import command
from stages.runtime.paths import ExperimentFiles

RESULTS = Path(__file__).parent / "results"
GIGABYTE = 1e9
SHORT = {  # options of some hundred steps of each
    "sine": ("--epochs", "20"),
    "digits_classic": ("--epochs", "15"),
    "mnist": ("--epochs", "1", "--limit", "8000"),
    "mnist_fast": ("--epochs", "1", "--limit", "8000"),
}


def speed_table(device: str) -> str:
    """Both loops on each experiment, and the floor of this machine."""
    experiments = params.load(Path("params.yaml")).experiments
    there = torch.device(device)
    flops, bandwidth = floor.matrix_speed(there), floor.memory_speed(there)
    at = ("--device", device)
    trials: list[tuple[speed.Comparison, int | None, str]] = [
        (speed.compare("sine", 2, *at), None, "whole training"),
        (speed.compare("digits_classic", 2, *at), None, "whole training"),
        (mnist := speed.compare("mnist", 1, "--epochs", "5", *at), None, "five epochs"),
    ]
    short = speed.compare("mnist", 1, "--epochs", "1", "--limit", "16000", *at)
    both = {loop: mnist.trials[loop] + short.trials[loop] for loop in speed.LOOPS}
    trials.insert(2, (speed.Comparison("mnist", both), 500, "first 500 steps"))
    name = re.sub(r"\W+", "-", devices.name(there).lower()).strip("-")
    image_files.save(
        speed.figure([comparison for comparison, steps, _ in trials if steps is None]),
        RESULTS / f"speed-{name}.png",
    )
    heads = ["experiment", "over", "rounds", "reference, ms", "ours, ms", "times as fast", "floor"]
    lines = [
        f"Both loops in turn; milliseconds a step. The floor comes from {flops / 1e9:.0f} GFLOP/s in matrix "
        f"products and {bandwidth / 1e9:.0f} GB/s of memory traffic.",
        "",
        f"| {' | '.join(heads)} |",
        "| --- " * len(heads) + "|",
    ]
    for comparison, steps, over in trials:
        ratios = comparison.ratios(steps)
        samples = Dataset.load(worker.dataset(experiments, comparison.experiment)).shape
        least = floor.step_seconds(
            experiments[comparison.experiment], int(np.prod(samples)), flops, bandwidth
        )
        spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
        reference, ours = (comparison.milliseconds(loop, steps) for loop in speed.LOOPS)
        lines.append(
            f"| {comparison.experiment} | {over} | {len(ratios)} | {reference:.2f} | {ours:.2f} | "
            f"**{np.median(ratios):.2f}**{spread} | {least * 1e3:.2f} |"
        )
    return "\n".join(lines)


def portable_table() -> str:
    """What it costs that all CPUs make the same bytes."""
    rounds = 3
    lines = [
        "Steps per second where all CPUs make the same bytes, as a share of those with `portable: false`: "
        f"the median of {rounds} alternate rounds, least and greatest.",
        "",
        "| experiment | one thread | two threads |",
        "| --- | --- | --- |",
    ]
    for name, options in SHORT.items():
        cells = []
        for threads in ("1", "2"):
            ratios = []
            for _ in range(rounds):
                usual = speed.run("ours", name, *options, "--threads", threads)
                limited = speed.run("ours", name, *options, "--threads", threads, **portability.LIMITS)
                ratios.append(usual.seconds() / limited.seconds())
            cells.append(f"**{np.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})")
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def threads_table() -> str:
    """Whether one training should have all cores, or each core a training."""
    rounds, cores = 3, os.cpu_count() or 1
    lines = [
        f"Steps per second, with the default `portable: auto`; medians of {rounds} rounds.",
        "",
        f"| experiment | one thread | {cores} threads | {cores} trainings at once, in sum |",
        "| --- | --- | --- | --- |",
    ]
    for name, options in SHORT.items():
        ways = ((1, 1), (cores, 1), (1, cores))  # threads, trainings at once
        found = [[speed.rate(name, *options, threads=t, at_once=n) for t, n in ways] for _ in range(rounds)]
        cells = (f"{np.median(rates):,.0f}" for rates in zip(*found, strict=True))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def quality_table() -> str:
    """How soon the fast recipe is as good as the classic one after all its epochs."""
    image_files.save(quality.figure(), RESULTS / "quality.png")
    return quality.table()


def overhead_table() -> str:
    """The pipeline from nothing but the virtual environment, and what of it is not work."""
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as idle:
        for folder in (full, idle):
            pipeline.checkout(Path(folder))
        pipeline.make_idle(Path(idle))
        overhead, stages = pipeline.reproduce(Path(idle))
        everything, _ = pipeline.reproduce(Path(full))
        logging = pipeline.logging_shares(Path(full))
    return "\n".join(
        [
            f"`make repro` from nothing but the virtual environment takes {everything:.0f} s. With next "
            f"to no work (one epoch, 1,000 samples) {overhead:.0f} s, {overhead / everything:.0%}, are left: "
            "imports, DVC, MLflow's start with the making of its store, and pictures.",
            "",
            "Of the time of a training, logging takes "
            + ", ".join(f"{share:.1%} ({name})" for name, share in logging.items())
            + ".",
            "",
            "| stage, with next to no work | s |",
            "| --- | --- |",
            *(f"| {name} | {seconds:.1f} |" for name, seconds in stages.items()),
        ]
    )


def memory_table() -> str:
    """Resident memory where there is much data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pipeline.checkout(folder)
        data = ExperimentFiles("mnist").dataset
        (folder / data.parent).mkdir(parents=True, exist_ok=True)
        (folder / data).write_bytes(data.read_bytes())
        seed = ("--experiment", "mnist", "--seed", "1")
        pipeline.change_params(folder, {"mnist": {"train": {"epochs": 1}}})
        rows = [("training mnist, an epoch", memory.peak(folder, "train", *seed))]
        for count in (10_000, 1_000_000):
            pipeline.change_params(folder, {"mnist": {"sample": {"count": count}}})
            rows.append((f"drawing {count:,} images", memory.peak(folder, "sample", *seed)))
        rows += table_memory(folder)
    return "\n".join(
        [
            "| greatest resident memory | GB |",
            "| --- | --- |",
            *(f"| {what} | {b / GIGABYTE:.2f} |" for what, b in rows),
        ]
    )


def table_memory(folder: Path, count: int = 1_000_000) -> list[tuple[str, int]]:
    """What the stages take whose memory grows with the rows of a table, in a checkout."""
    points = np.random.default_rng(0).standard_normal((count, 2))
    np.save(folder / "table.npy", points)
    block = yaml.safe_load((folder / "params.yaml").read_text())["sine"]
    block["data"] = {"source": "array", "path": "table.npy"}
    block["judge"] |= {"epochs": 1, "batch_size": 256, "count": 1}
    pipeline.change_params(folder, {}, experiments=["table"], table=block)
    memory.peak(folder, "check")
    return [
        (f"{stage} of a table of {count:,} rows", memory.peak(folder, stage, "--experiment", "table"))
        for stage in ("prepare", "judge", "reference")
    ]


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "speed": ("The same experiment, faster", lambda: speed_table("cpu")),
    "gpu": ("The same on a GPU", lambda: speed_table("cuda")),
    "portable": ("The same bytes on every CPU", portable_table),
    "threads": ("One thread or several", threads_table),
    "quality": ("The same quality, sooner", quality_table),
    "overhead": ("The rest of the pipeline", overhead_table),
    "memory": ("Memory", memory_table),
}

BY_CPU = ("speed", "portable", "threads", "overhead")  # have a section for each kind of CPU


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[[], *TABLES], help="default: all that this machine can run"
    )
    parser.add_argument("--quick", action="store_true", help="of gpu: what can be seen in eight minutes")
    arguments = parser.parse_args()
    cpu = f"{devices.name(torch.device('cpu'))}, {os.cpu_count()} cores"
    tables = {**TABLES, "gpu-quick": ("On a GPU, in a few minutes", gpu.table)}
    names = arguments.names or [n for n in TABLES if n != "gpu" or torch.cuda.is_available()]
    if arguments.quick:
        names = ["gpu-quick" if name == "gpu" else name for name in names]
    for name in names:
        title, measure = tables[name]
        print(f"{name} …", file=sys.stderr, flush=True)
        text, file = measure(), RESULTS / f"{name}.md"
        if name in BY_CPU:  # those of other CPUs stay
            earlier = file.read_text() if file.exists() else f"## {title}"
            file.write_text(pages.replace_section(earlier, cpu, text))
        else:
            file.write_text(f"## {title}\n\n{text}\n")
        print(text, flush=True)


if __name__ == "__main__":
    command.guard(main)
