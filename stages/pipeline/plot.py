"""The pictures of an experiment's data and judge, and of its runs."""

import torch
from torch import Tensor

from stages.gan.core import arrays, devices, history, weights
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import Experiment, Settings
from stages.gan.judges import fitting, models
from stages.gan.plots import canvas, evolution, figures, grid
from stages.runtime import files
from stages.runtime.errors import say
from stages.runtime.paths import ExperimentFiles, RunFiles
from stages.tracking import record, tags
from stages.tracking.store import Store

_SHOWN = 1000  # samples that a figure may look at


def plot_experiment(name: str, experiment: Experiment, settings: Settings, store: Store) -> None:
    """Draw an experiment's data, and its judge's answers to the test data."""
    shared = ExperimentFiles(name)
    device = devices.set_up(settings.device, settings.threads)
    dataset = Dataset.load(shared.dataset, experiment.source)
    judge, _ = weights.load(shared.judge, models.get_judge, device)
    x, _ = fitting.inputs(dataset.test)
    answers = models.predict(judge, x)
    if len(dataset.shape) == 1:
        answers = fitting.expected(dataset.test, answers)
    with files.together():
        canvas.save(figures.data(dataset.train), shared.dataset_figure)
        canvas.save(figures.judge(dataset.test, answers), shared.judge_figure)
    if run := store.find(name, tags.JUDGE, files.md5(shared.judge)):
        run.log_files(record.PICTURES, shared.dataset_figure, shared.judge_figure)
        record.describe_judge(run, name)
    say(f"plot {name}: see {shared.judge_figure}")


def plot_run(name: str, seed: int, experiment: Experiment, settings: Settings, store: Store) -> None:
    """Draw one run's evolution, samples, losses and coverage."""
    shared, run_files = ExperimentFiles(name), RunFiles(name, seed)
    device = devices.set_up(settings.device, settings.threads)
    real = Dataset.load(shared.dataset, experiment.source)
    split = real.train
    first, epochs = history.load(run_files.losses, run_files.previews)
    previews = [first, *(epoch.preview for epoch in epochs)]
    samples = arrays.load(run_files.samples, "samples", "sample")
    with files.together():
        evolution.animation(previews, split, run_files.animation)
        canvas.save(evolution.strip(previews, split), run_files.strip)
        canvas.save(figures.samples(samples[:_SHOWN], split), run_files.samples_figure)
        grid.save(run_files.grid_figure, arrays.load(run_files.grid, "samples", "sample"), split)
        canvas.save(figures.losses(epochs), run_files.losses_figure)
        _plot_coverage(name, seed, real, samples, device)
    run = record.training_of_files(store, name, seed, experiment, settings, split)
    still = (run_files.samples_figure, run_files.losses_figure, run_files.coverage_figure)
    run.log_files(record.PICTURES, *still, run_files.animation, run_files.strip)
    record.describe_training(run, name, seed, experiment)
    say(f"plot {name}, seed {seed}: see {run_files.animation}")


def _plot_coverage(name: str, seed: int, real: Dataset, samples: Tensor, device: torch.device) -> None:
    """Draw what of the real data the samples cover: of x1's range, of the classes, or of the features."""
    shared, run_files, split = ExperimentFiles(name), RunFiles(name, seed), real.train
    if len(split.shape) == 1:
        figure = figures.coverage_of_points(samples, split)
    elif real.class_count is not None:
        figure = figures.coverage_of_classes(arrays.load(run_files.answers, "answers", "evaluate"), split)
    else:
        judge, _ = weights.load(shared.judge, models.get_judge, device)
        features: torch.nn.Module = judge.features  # type: ignore[assignment]
        answers = arrays.load(run_files.answers, "answers", "evaluate")
        figure = figures.coverage_of_features(answers, models.predict(features, split.normalized))
    canvas.save(figure, run_files.coverage_figure)
