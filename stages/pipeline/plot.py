"""The pictures of one run."""

from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from stages.gan.core import arrays, history, numbering
from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.params import Experiment, Settings
from stages.gan.plots import evolution, figures, grid, image_files
from stages.runtime import files
from stages.runtime.errors import UserError, say
from stages.runtime.paths import ExperimentFiles, RunFiles
from stages.tracking import record
from stages.tracking.store import Store

_SHOWN = 1000  # samples for a figure, at most


def plot_run(name: str, seed: int, experiment: Experiment, settings: Settings, store: Store) -> None:
    """Draw the evolution, the samples, the losses and the coverage of one run."""
    run_files = RunFiles(name, seed)
    split = Dataset.load(ExperimentFiles(name).dataset, experiment.source).train
    first, epochs = history.load(run_files.losses, run_files.previews)
    _check(run_files.previews, first, split, "train")
    previews = [first, *(epoch.preview for epoch in epochs)]
    samples, common = (_load(path, split) for path in (run_files.samples, run_files.grid))
    covered = arrays.load(run_files.coverage, "numbers", "evaluate")
    with files.together():
        evolution.animation(previews, split, run_files.animation)
        image_files.save(evolution.strip(previews, split), run_files.strip)
        image_files.save(_samples(samples[:_SHOWN], split, experiment, seed), run_files.samples_figure)
        grid.save(run_files.grid_figure, common, split)
        image_files.save(figures.losses(epochs), run_files.losses_figure)
        image_files.save(figures.coverage(covered, split), run_files.coverage_figure)
    run = record.training_of_files(store, name, seed, experiment, settings, split)
    record.log_pictures(run, name, seed, experiment)
    say(f"plot {name}, seed {seed}: see {run_files.animation}")


def _samples(samples: Tensor, split: Split, experiment: Experiment, seed: int) -> Figure:
    if split.labels is None or not experiment.train.condition:
        return figures.samples(samples, split)
    told = numbering.labels(split.class_counts, seed, split.shape, len(samples))
    return figures.samples_by_class(samples, told, split)


def _load(path: Path, split: Split) -> Tensor:
    samples = arrays.load(path, "samples", "sample")
    _check(path, samples, split, "sample")
    return samples


def _check(path: Path, samples: Tensor, split: Split, stage: str) -> None:
    """Refuse samples of another kind than the data: files may have been moved by hand.

    Raises:
        UserError: their type or shape differs.
    """
    if samples.shape[1:] != split.shape or samples.dtype != split.samples.dtype:
        raise UserError(
            f"{path}: holds {samples.dtype} {tuple(samples.shape[1:])}, but the data are "
            f"{split.samples.dtype} {split.shape}; run the {stage} stage"
        )
