"""Classify your own pictures with a judge, the discriminative model.

A picture may be large, have any colours, and be off centre. One that is blank or cannot be read does not stop
the answers on the others. Reads the pictures, the judge's file and params.yaml; writes nothing.

Example:
  python -m stages.tools.classify --image my_digit.png
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.gan.core import params, portability
from stages.runtime import command, paths
from stages.runtime.errors import UserError, counted, one_line, say
from stages.tools import missing

if TYPE_CHECKING:
    from torch import Tensor

_NEXT = 2  # so many classes are named after the most likely one


def _parser() -> argparse.ArgumentParser:
    parser = command.plain_parser(__doc__)
    parser.add_argument(
        "--image",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE",
        help="PNG, JPEG, or what Pillow reads",
    )
    parser.add_argument(
        "--experiment", help="the judge's experiment; default: the first listed one with a judge of images"
    )
    parser.add_argument(
        "--judge",
        type=Path,
        metavar="FILE",
        help="another judge.safetensors of this experiment; default: the one in data",
    )
    command.add_params(parser)
    return parser


def classify(wanted: argparse.Namespace) -> None:
    """Classify the pictures that the command line names, and print the most likely classes.

    Raises:
        UserError: there is no judge that classifies images, or a picture cannot be read.
    """
    known = params.load(wanted.params)
    experiment = wanted.experiment or _first(known, wanted.params)
    block = params.select(known, experiment, wanted.params)
    path = wanted.judge or paths.ExperimentFiles(experiment).judge
    if block.judge.network != "cnn":
        raise UserError(f"{experiment}: its judge is for points, not for pictures; name another --experiment")
    if not path.exists():
        remedy = "name another --judge"
        if wanted.judge is None:
            remedy = missing.remedy(known.settings, wanted.params, experiment)
        raise UserError(f"{path}: there is no such judge; {remedy}")
    portability.limit(known.settings.portable)
    import torch

    from stages.gan.core import datasets, devices, weights
    from stages.gan.judges import models
    from stages.gan.sources import image_folders, pictures

    device = devices.set_up(known.settings.device, known.settings.threads)
    judge, about = weights.load(path, models.get_judges, device)
    if not isinstance(judge, models.Judges) or not judge.classifies:
        raise UserError(f"{path}: this judge knows no classes: its data are points, or have no labels")
    shape = tuple(about["architecture"]["shape"])
    if block.source.path is not None:  # read like the experiment's own images
        white = block.data.model_dump().get("white")

        def read(files: Sequence[Path]) -> list["Tensor"]:
            return [torch.from_numpy(image.copy()) for image in image_folders.read(files, shape, white)]

        found, faults = _readable(wanted.image, lambda file: read([file])[0])
        images = read([file for file, _ in found])  # together, as white is that of all
    else:
        frame = pictures.FRAMES.get(block.data.piece.name)
        found, faults = _readable(
            wanted.image, lambda file: pictures.fit(pictures.load(file), shape, frame, str(file))
        )
        images = [image for _, image in found]
    if images:
        say(f"classify {experiment}: {counted(len(images), 'picture')} on {device.type}; by {path}")
        answers = models.predict(judge, datasets.normalize(torch.stack(images))).softmax(1)
        for (file, _), probabilities in zip(found, answers, strict=True):
            say(one_line(f"{file}: {_in_words(probabilities.tolist(), about.get('classes', ()))}"))
    if faults:
        raise UserError("; ".join(faults))


def _readable(
    images: Sequence[Path], read: Callable[[Path], "Tensor"]
) -> tuple[list[tuple[Path, "Tensor"]], list[str]]:
    """What ``read`` returns for each picture, and the errors of those that it refuses."""
    found: list[tuple[Path, Tensor]] = []
    faults: list[str] = []
    for file in images:
        try:
            found.append((file, read(file)))
        except UserError as error:
            faults.append(str(error))
    return found, faults


def _first(known: params.Params, path: Path) -> str:
    """The first listed experiment that has a judge which classifies images."""
    for name in known.settings.experiments:
        judge = paths.ExperimentFiles(name).judge
        if known.experiments[name].judge.network == "cnn" and judge.exists() and _classifies(judge):
            return name
    raise UserError(
        f"{path}: no experiment listed there has a trained judge that classifies images; run make repro, or "
        "name an --experiment"
    )


def _classifies(judge: Path) -> bool:
    """Whether a judge of images knows classes, which needs data with labels."""
    from stages.gan.core import weights  # PyTorch takes seconds to import

    return bool(weights.read_about(judge)["architecture"].get("network") == "cnn")


def _in_words(probabilities: list[float], classes: Sequence[str]) -> str:
    """The most likely class and the next ones, with their probabilities."""
    ordered = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    names = [str(classes[index]) if classes else str(index) for index in ordered[: 1 + _NEXT]]
    shares = (probabilities[index] for index in ordered)
    first, *others = (f"{name} ({share:.2f})" for name, share in zip(names, shares, strict=False))
    return f"{first}; then {', '.join(others)}" if others else first


if __name__ == "__main__":
    wanted = _parser().parse_args()
    command.guard(lambda: classify(wanted))
