"""Checks before any other stage runs; and the files that tell DVC on which code a stage depends."""

import json
from pathlib import Path

from stages.gan.core import params, portability
from stages.gan.core.params import pieces
from stages.gan.evaluation.scores import MEANINGS, NEED_CONDITION, NEED_CURVE, NEED_LABELS
from stages.pipeline import origin, own_data
from stages.runtime import cache, dvc, files
from stages.runtime.errors import UserError, say
from stages.runtime.paths import ExperimentFiles
from stages.tracking import address

_GPUS = [Path(driver) for driver in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")]  # NVIDIA's, Windows', AMD's


def check(path: Path) -> None:
    """Refuse a parameter file with a mistake; write the code and link the data that its experiments use.

    Raises:
        UserError: there is a mistake; the message names the file and the key.
    """
    if (mended := dvc.mend_lock()) is not None:
        say(mended)
    known = params.load(path)
    cache.check()
    address.check(address.configured())
    _check_device(known.settings)
    for name in known.settings.experiments:
        _check_experiment(path, name, known.experiments[name])
        origin.check(path, name, known)
    own_data.link({name: experiment.source for name, experiment in known.experiments.items()})
    for name, experiment in known.experiments.items():
        _write_dependencies(ExperimentFiles(name), experiment, known.settings, origin.identity(name, known))


def _check_device(settings: params.Settings) -> None:
    """Refuse a device that is not available; say if other kinds of machines will make other bytes."""
    portability.is_wanted(settings.portable)
    reason = portability.why_not()
    if settings.device != "cpu" and (settings.device != "auto" or any(gpu.exists() for gpu in _GPUS)):
        from stages.gan.core import devices  # PyTorch takes seconds to import

        if devices.find(settings.device).type != "cpu":
            reason = "a GPU computes"
    if settings.portable and reason is not None:
        say(f"portable: {settings.portable}: only machines of this kind make the same bytes: {reason}")


def _check_experiment(path: Path, name: str, experiment: params.Experiment) -> None:
    for key, what in (("inception", "weights of Inception-V3"), ("features", "a network of images")):
        weights = getattr(experiment.evaluate, key)
        if weights is not None and not Path(weights).is_file():
            raise UserError(
                f"{path}: {name}.evaluate.{key}: there is no file {weights}; set it to null, or to one with "
                f"{what}"
            )
    _check_primary(path, name, experiment)
    shape = own_data.check(path, name, experiment)
    if any(piece.is_custom for piece in experiment.trained_pieces):
        from stages.gan.training import trial  # imports PyTorch, too

        try:
            trial.check(experiment, shape)
        except UserError as error:
            raise UserError(f"{path}: {name}: {error}") from error


def _check_primary(path: Path, name: str, experiment: params.Experiment) -> None:
    """Refuse a primary score that runs of an experiment cannot have, or that does not measure quality."""
    primary, kind, scored = experiment.evaluate.primary, experiment.source.kind, experiment.evaluate
    absent = {f"fid_{file}" for file in ("inception", "features") if getattr(scored, file) is None}
    if experiment.data.piece.name != "sine":
        absent |= {*NEED_CURVE}
    if experiment.source.labelled is False:
        absent |= {*NEED_LABELS}
    if not experiment.train.condition:
        absent |= {*NEED_CONDITION}
    there = [
        score
        for score, meaning in MEANINGS.items()
        if meaning.better != "none" and meaning.kind in ("", kind) and score not in absent
    ]
    if primary is not None and primary not in there:
        raise UserError(
            f"{path}: {name}.evaluate.primary: runs have no score {primary} that says which is better; set "
            f"it to null, or to one of {', '.join(there)}"
        )


def _write_dependencies(
    shared: ExperimentFiles, experiment: params.Experiment, settings: params.Settings, start: str
) -> None:
    """Write the code of the pieces that an experiment uses, in a file per stage; and two files of parameters.

    One has all parameters, which go into run.json; the other has those that decide what runs are compared
    with. As a file, many parameters are one entry in dvc.lock. ``start`` identifies the networks that the
    training starts from, if there are any.
    """
    used = {
        "prepare": [experiment.data.piece],
        "train": experiment.trained_pieces,
        "sample": [experiment.generator.piece],
    }
    for stage, found in used.items():
        files.write(shared.code / stage, pieces.code(found) + start * (stage == "train"))
    machine = {"device": settings.device, "threads": settings.threads, "portable": settings.portable}
    everything = params.flatten(experiment)
    compared = {
        key: value
        for key, value in everything.items()
        if key.startswith(("judge.", "sample.", "evaluate.")) or key in ("data.source", "train.condition")
    }
    del compared["evaluate.primary"]
    for file, known in (("parameters", everything), ("reference", compared)):
        files.write(shared.code / file, json.dumps({**machine, **known}, indent=2) + "\n")
