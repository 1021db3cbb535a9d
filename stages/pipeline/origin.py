"""Runs from whose networks other trainings start (``train.from``)."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from stages.gan.core import params
from stages.gan.core.params import Experiment, pieces
from stages.runtime import files, paths
from stages.runtime.errors import UserError
from stages.runtime.paths import ExperimentFiles, RunFiles

if TYPE_CHECKING:
    from torch import Tensor

_BLOCKS = ("generator", "discriminator", "train")  # the parameters that trained networks depend on
_SHOWN = {"preview", "image_every", "checkpoint_every"}  # parameters of ``train`` that they do not depend on


def check(path: Path, name: str, known: params.Params) -> None:
    """Check that the run which an experiment starts from exists, has such networks, and is trained before.

    Args:
        path: the parameter file, for messages.
        name: the experiment that starts from a run.
        known: all parameters.

    Raises:
        UserError: it does not; the message names the parameter file and the experiment.
    """
    experiment = known.experiments[name]
    if experiment.train.origin is None:
        return
    other, seed = experiment.train.origin
    where = f"{path}: {name}.train.from: {experiment.train.start}"
    if other not in known.experiments:
        raise UserError(f"{where}: there is no experiment {other}; name one in {path}")
    chain = [name]
    while (before := known.experiments[chain[-1]].train.origin) is not None:
        chain.append(before[0])
        if chain[-1] in chain[:-1]:
            raise UserError(f"{where}: a training cannot start from itself ({' from '.join(chain)})")
        if chain[-1] not in known.experiments:
            break  # reported when that experiment is checked
    origin = known.experiments[other]
    for block in ("generator", "discriminator"):
        if getattr(origin, block) != getattr(experiment, block):
            raise UserError(f"{where}: its {block} differs from that of {name}; make both blocks the same")
    if origin.train.condition != experiment.train.condition:
        raise UserError(f"{where}: its train.condition differs from that of {name}; make both the same")
    shapes = [one.source.measure(paths.RAW).shape for one in (origin, experiment)]
    if shapes[0] != shapes[1]:
        raise UserError(
            f"{where}: its samples have the shape {shapes[0]}, those of {name} {shapes[1]}; take data of the "
            "same shape"
        )
    listed = known.settings.experiments
    earlier = listed[: listed.index(name)] if name in listed else listed
    made = other in earlier and seed in known.settings.seeds
    if not made and (other in listed or not RunFiles(other, seed).generator.exists()):
        raise UserError(
            f"{where}: must be trained first: list {other} before {name} in experiments, and {seed} in seeds"
        )


def identity(name: str, known: params.Params) -> str:
    """Text lines that change with the networks that an experiment starts from; empty if it starts from none.

    If this pipeline makes the run, its files may not exist yet, so the lines give its recipe and its data.
    For any other run they give the MD5 sums of its files.

    Args:
        name: the experiment.
        known: all parameters.
    """
    train = known.experiments[name].train
    if train.origin is None:
        return ""
    other, seed = train.origin
    if other not in known.settings.experiments or seed not in known.settings.seeds:
        run = RunFiles(other, seed)
        sums = (files.md5(file) if file.exists() else "none" for file in (run.generator, run.discriminator))
        return f"from {train.start} {' '.join(sums)}\n"
    origin = known.experiments[other]
    prepare = files.md5(Path(__file__).with_name("prepare.py"))
    data = f"{json.dumps(origin.data.model_dump())} {prepare}\n{pieces.code([origin.data.piece])}"
    own = "" if origin.source.path is None else _sums(Path(origin.source.path).expanduser())
    return f"from {train.start} {recipe(origin)}\n{data}{own}{identity(other, known)}"


def recipe(experiment: Experiment) -> str:
    """A name (16 hexadecimal digits) for how an experiment trains: its parameters and its pieces' code."""
    blocks = {block: getattr(experiment, block).model_dump() for block in _BLOCKS}
    blocks["train"] = {key: value for key, value in blocks["train"].items() if key not in _SHOWN}
    text = json.dumps(blocks, sort_keys=True) + pieces.code(experiment.trained_pieces)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(name: str, experiment: Experiment) -> "tuple[dict[str, Tensor], dict[str, Tensor], str]":
    """Load the networks that a training starts from.

    Args:
        name: the experiment, for messages.
        experiment: its parameters, with ``train.from``.

    Returns:
        The generator's weights by name, the discriminator's weights, and the MD5 sums of both files.

    Raises:
        UserError: there are no such networks, or their experiment's parameters or code have changed since.
    """
    from stages.gan.core import weights  # PyTorch takes seconds to import, and check needs none

    assert experiment.train.origin is not None
    other, seed = experiment.train.origin
    run = RunFiles(other, seed)
    where = f"{name}.train.from: {experiment.train.start}:"
    again = f"train them first: dvc repro train@{other}-{seed}"
    if not run.generator.exists():
        raise UserError(f"{where} has no networks here; {again}")
    wanted = _recipe(ExperimentFiles(name).code / "train", experiment.train.start)
    if wanted is not None and weights.read_about(run.generator).get("recipe") != wanted:
        raise UserError(
            f"{where} its networks were trained with other parameters or code than {other} has now; {again}"
        )
    sums = " ".join(files.md5(file) for file in (run.generator, run.discriminator))
    return weights.read_state(run.generator), weights.read_state(run.discriminator), sums


def _recipe(dependencies: Path, start: str | None) -> str | None:
    """The recipe of the run ``start`` as :func:`identity` has written it to a file; None if it has not."""
    lines = dependencies.read_text(encoding="utf-8").splitlines() if dependencies.exists() else []
    words = [line.split() for line in lines if line.startswith(f"from {start} ")]
    return words[0][2] if words and len(words[0]) == 3 else None


@cache  # several experiments may start from the same run
def _sums(place: Path) -> str:
    """The names and MD5 sums of the user's data files, in lines."""
    found = sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
    return "".join(f"{file.relative_to(place).as_posix()} {files.md5(file)}\n" for file in found)
