"""The runs whose networks other trainings start from (``train.from``)."""

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

_BLOCKS = ("generator", "discriminator", "train")  # of its parameters, those that networks depend on
_SHOWN = {"preview", "image_every", "checkpoint_every"}  # of the training's, those that they do not


def check(path: Path, name: str, known: params.Params) -> None:
    """Refuse to start from a run that is none, has other networks, or is not there when it is needed.

    Raises:
        UserError: it names the parameter file, and the experiment in it.
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
            break  # which is found where that one is checked
    origin = known.experiments[other]
    for block in ("generator", "discriminator"):
        if getattr(origin, block) != getattr(experiment, block):
            raise UserError(f"{where}: its {block} is another; make both blocks alike")
    if origin.train.condition != experiment.train.condition:
        raise UserError(f"{where}: train.condition is another; make both alike")
    shapes = [one.source.measure(paths.RAW).shape for one in (origin, experiment)]
    if shapes[0] != shapes[1]:
        raise UserError(f"{where}: its samples are {shapes[0]}, and these {shapes[1]}; make both alike")
    listed = known.settings.experiments
    earlier = listed[: listed.index(name)] if name in listed else listed
    made = other in earlier and seed in known.settings.seeds
    if not made and (other in listed or not RunFiles(other, seed).generator.exists()):
        raise UserError(
            f"{where}: is not made before; list {other} before {name} in experiments, and {seed} in seeds"
        )


def identity(name: str, known: params.Params) -> str:
    """What the networks that an experiment starts from depend on, in lines; nothing: it starts from none.

    Of a run that the same pipeline makes that is its recipe and data, as before they are made there are no
    bytes to name; of another one, the sums of its files.
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
    """A name of how the networks of an experiment are trained: its parameters, and the code of its pieces."""
    blocks = {block: getattr(experiment, block).model_dump() for block in _BLOCKS}
    blocks["train"] = {key: value for key, value in blocks["train"].items() if key not in _SHOWN}
    text = json.dumps(blocks, sort_keys=True) + pieces.code(experiment.trained_pieces)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(name: str, experiment: Experiment) -> "tuple[dict[str, Tensor], dict[str, Tensor], str]":
    """The weights of the generator and of the discriminator that a training starts from; and their sums.

    Raises:
        UserError: there are none, or they are not of the recipe that their experiment has now.
    """
    from stages.gan.core import weights  # PyTorch takes seconds to import, and check needs none

    assert experiment.train.origin is not None
    other, seed = experiment.train.origin
    run = RunFiles(other, seed)
    where = f"{name}.train.from: {experiment.train.start}:"
    again = f"make them first: dvc repro train@{other}-{seed}"
    if not run.generator.exists():
        raise UserError(f"{where} has no networks here; {again}")
    wanted = _recipe(ExperimentFiles(name).code / "train", experiment.train.start)
    if wanted is not None and weights.read_about(run.generator).get("recipe") != wanted:
        raise UserError(f"{where} its networks are of another recipe than its own now; {again}")
    sums = " ".join(files.md5(file) for file in (run.generator, run.discriminator))
    return weights.read_state(run.generator), weights.read_state(run.discriminator), sums


def _recipe(dependencies: Path, start: str | None) -> str | None:
    """The recipe that a run has now, as :func:`identity` wrote it; None: it did not."""
    lines = dependencies.read_text(encoding="utf-8").splitlines() if dependencies.exists() else []
    words = [line.split() for line in lines if line.startswith(f"from {start} ")]
    return words[0][2] if words and len(words[0]) == 3 else None


@cache  # several experiments may start from one
def _sums(place: Path) -> str:
    """The sums of the user's own data."""
    found = sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else [place]
    return "".join(f"{file.relative_to(place).as_posix()} {files.md5(file)}\n" for file in found)
