"""Scoring one run's samples against the real data."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from stages.gan.core import arrays, devices, numbering, weights
from stages.gan.core.params import Experiment, Settings, flatten
from stages.gan.evaluation import coverage, scores, scoring
from stages.gan.evaluation.reference import Reference
from stages.gan.evaluation.scores import Scores
from stages.gan.evaluation.scoring import Known
from stages.pipeline import known
from stages.runtime import command, files, progress
from stages.runtime.errors import UserError, counted, say, warn
from stages.runtime.paths import ExperimentFiles, RunFiles
from stages.tracking import record
from stages.tracking.store import Store


class _Inputs(NamedTuple):
    """What is scored, and what it is scored by.

    Attributes:
        samples: the run's samples [N, …].
        told: the class that the generator was told for each sample (int64 [N]); None: it was told none.
        known: the real data and the judges.
        reference: what the samples are compared with.
        about: what run.json says about the run, without its parameters.
    """

    samples: Tensor
    told: Tensor | None
    known: Known
    reference: Reference
    about: dict[str, Any]


def evaluate(name: str, seed: int, experiment: Experiment, settings: Settings, store: Store) -> None:
    """Score one run."""
    device = devices.set_up(settings.device, settings.threads)
    inputs = _read(name, seed, experiment, device)
    found, answers = _score(name, seed, inputs, device)
    parameters = {"threads": settings.threads, **flatten(experiment)}
    found = _write(RunFiles(name, seed), inputs, parameters, found, answers)
    _log(store, name, seed, experiment, settings, inputs, found)
    for line in _not_told(inputs, found, experiment.evaluate.primary):
        warn(f"evaluate {name}, seed {seed}: {line}")
    verdict = ("COLLAPSED" if found["collapsed"] else "no collapse") if "collapsed" in found else "no verdict"
    say(f"evaluate {name}, seed {seed}: {verdict}; scores in {RunFiles(name, seed).scores}")


def _not_told(inputs: _Inputs, found: Scores, primary: str | None) -> Iterator[str]:
    """Lines about verdicts and scores that this run does not get, and why."""
    weakness, left_out = inputs.known.weakness, inputs.reference.left_out
    if weakness is not None and "judge_error" not in left_out:
        yield f"no verdict{'' if inputs.known.has_images else ' by judge_error'}, because {weakness}"
    if "collapsed" not in found and not (inputs.known.has_images and weakness):
        absent = " or ".join(score for score in scores.COLLAPSED_BELOW if score in left_out)
        yield f"no verdict on a collapse, because there is no {absent}"
    if primary is not None and primary in left_out:
        yield f"no primary score, because {primary} is left out: {left_out[primary]}"


def _read(name: str, seed: int, experiment: Experiment, device: torch.device) -> _Inputs:
    """Read what is scored, and check that it belongs to this run.

    Raises:
        UserError: a file is missing or damaged, or belongs to another run or experiment.
    """
    shared, run_files = ExperimentFiles(name), RunFiles(name, seed)
    against, judges = known.read(name, experiment, device)
    train = against.real.train
    reference = Reference.load(shared.reference)
    if not scoring.is_for(reference, against, experiment.sample.count):
        raise UserError(
            f"{shared.reference}: was made with other judges, networks or numbers of samples; it is another "
            "experiment's, or too old: run the reference stage"
        )
    found = weights.read_about(run_files.generator)
    about = weights.check_generator(run_files.generator, found, name, seed, experiment.generator, train.shape)
    samples = scoring.load_samples(run_files.samples, train, experiment.sample.count)
    about["judge"] = {
        "md5": against.md5,
        "processor": judges.get("processor"),
        "count": experiment.judge.count,
        "scores": judges.get("test", {}),
    }
    if against.weakness is not None:
        about["judge"]["weakness"] = against.weakness
    if reference.left_out:
        about["left_out"] = dict(reference.left_out)
    about["data"] = {"md5": files.md5(shared.dataset)}
    about["networks"] = {name: network.md5 for name, network in against.extractors.items()}
    about["samples"] = {"count": len(samples), "block": reference.block}
    counts = found["architecture"].get("counts")
    told = None if counts is None else numbering.labels(counts, seed, train.shape, len(samples))
    return _Inputs(samples, told, against, reference, about)


def _score(name: str, seed: int, inputs: _Inputs, device: torch.device) -> tuple[Scores, Tensor]:
    samples, told, against, reference, _ = inputs
    parts = scoring.parts(reference, samples)
    work = f"{counted(len(samples), 'sample')}, in {counted(parts, 'step')}"
    command.say_begin("evaluate", f"{name}, seed {seed}", work, device.type, RunFiles(name, seed).scores)
    with progress.bar(parts, "step") as bar:
        return scoring.score(samples, against, reference, bar.update, told)


def _write(
    run_files: RunFiles, inputs: _Inputs, parameters: dict[str, Any], found: Scores, answers: Tensor
) -> Scores:
    """Write scores, answers, coverage and run.json; returns the scores as written, which is rounded."""
    against = inputs.known
    covered = coverage.coverage(inputs.samples, answers, against.real.train, against.judges)
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
    run = record.training_of_files(store, name, seed, experiment, settings, inputs.known.real.train)
    record.log_scores(run, name, seed, experiment, found, inputs.about["judge"]["md5"])
