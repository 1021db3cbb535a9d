"""The scores of one run's samples, beside the real data."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stages.gan.core import arrays, devices, history, weights
from stages.gan.core.datasets import Dataset
from stages.gan.core.params import Experiment, Settings, flatten
from stages.gan.evaluation import coverage, inception, scores, scoring
from stages.gan.evaluation.scores import Scores
from stages.gan.judges import fitting, models
from stages.runtime import command, files, progress
from stages.runtime.errors import say
from stages.runtime.paths import ExperimentFiles, RunFiles
from stages.tracking import pages, record, tags
from stages.tracking.store import Store


class _Inputs(NamedTuple):
    """What is scored, and by what.

    Attributes:
        real: the real data.
        samples: those of the run.
        judge: the judge.
        extractor: Inception-V3, where its Fréchet distance is asked for.
        about: the run's ``experiment`` and ``seed``, what computed it, and the judge's sum and own scores.
    """

    real: Dataset
    samples: Tensor
    judge: nn.Module
    extractor: nn.Module | None
    about: dict[str, Any]


def evaluate(name: str, seed: int, experiment: Experiment, settings: Settings, store: Store) -> None:
    """Score one run."""
    device = devices.set_up(settings.device, settings.threads)
    inputs = _read(name, seed, experiment, device)
    found, answers = _score(name, seed, experiment, inputs, device)
    parameters = {"threads": settings.threads, **flatten(experiment)}
    found = _write(RunFiles(name, seed), inputs, parameters, found, answers)
    _log(store, name, seed, experiment, settings, inputs, found)
    verdict = "COLLAPSED" if found["collapsed"] else "no collapse"
    say(f"evaluate {name}, seed {seed}: {verdict}; scores in {RunFiles(name, seed).scores}")


def _read(name: str, seed: int, experiment: Experiment, device: torch.device) -> _Inputs:
    """Read what is scored, checked to be this run's."""
    shared, run_files = ExperimentFiles(name), RunFiles(name, seed)
    real = Dataset.load(shared.dataset, experiment.source)
    judge, known = weights.load(shared.judge, models.get_judge, device)
    owed = fitting.known(experiment.judge, real)
    weights.check_architecture(
        shared.judge, known["architecture"], experiment.judge, real.shape, "judge", **owed
    )
    generator = run_files.generator
    found = weights.read_about(generator)
    about = weights.check_generator(generator, found, name, seed, experiment.generator, real.shape)
    about["judge"] = {
        "md5": files.md5(shared.judge),
        "processor": known.get("processor"),
        "scores": known.get("test", {}),
    }
    samples = scoring.load_samples(run_files.samples, real.train, experiment.sample.count)
    extractor = None
    if experiment.evaluate.inception is not None:
        extractor = inception.load(Path(experiment.evaluate.inception), device)
    return _Inputs(real, samples, judge, extractor, about)


def _score(
    name: str, seed: int, experiment: Experiment, inputs: _Inputs, device: torch.device
) -> tuple[Scores, Tensor]:
    parts = scoring.parts(inputs.real, inputs.samples)
    work = f"{len(inputs.samples)} samples, in {parts} steps"
    command.say_begin("evaluate", f"{name}, seed {seed}", work, device.type, RunFiles(name, seed).scores)
    with progress.bar(parts, "step") as bar:
        return scoring.score(
            inputs.samples,
            inputs.real,
            inputs.judge,
            experiment.data.piece.name,
            inputs.extractor,
            bar.update,
        )


def _write(
    run_files: RunFiles, inputs: _Inputs, parameters: dict[str, Any], found: Scores, answers: Tensor
) -> Scores:
    """Write the scores, the answers, what is covered, and what the run was; returns the scores as written."""
    covered = coverage.coverage(inputs.samples, answers, inputs.real.train, inputs.judge)
    with files.together():
        found = scores.save(run_files.scores, found)
        arrays.save(run_files.answers, [answers], len(answers))
        arrays.save(run_files.coverage, [covered], len(covered))
        files.write(run_files.run, json.dumps({**inputs.about, "parameters": parameters}, indent=2) + "\n")
    return found


def _log(
    store: Store,
    name: str,
    seed: int,
    experiment: Experiment,
    settings: Settings,
    inputs: _Inputs,
    found: Scores,
) -> None:
    """Log the scores to the training's run."""
    run = record.training_of_files(store, name, seed, experiment, settings, inputs.real.train)
    epochs = experiment.train.epochs
    run.log_metrics({scores.in_mlflow(score): value for score, value in found.items()}, step=epochs)
    known = {tags.JUDGE: inputs.about["judge"]["md5"], "sample.count": str(len(inputs.samples))}
    if experiment.evaluate.inception is not None:
        known["evaluate.inception"] = files.md5(Path(experiment.evaluate.inception))
    run.set_tags(known)
    graded = [scores.in_mlflow(score) for score in scores.MEANINGS if score in found]
    run.set_experiment_tags(pages.view(history.COLUMNS[1:], epochs, graded))
