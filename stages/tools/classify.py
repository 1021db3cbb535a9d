"""The judge by hand: what it sees on anybody's picture."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from stages.gan.core import params, portability
from stages.runtime import command, paths
from stages.runtime.errors import UserError, one_line, say

_NEXT = 2  # classes that are told of beside the most likely one


def _options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "what is on a picture?",
        "With --image, nothing is written. A picture may be large, of any colours, and off centre.",
    )
    group.add_argument(
        "--image", type=Path, nargs="+", metavar="FILE", help="PNG, JPEG, or what Pillow reads"
    )
    group.add_argument(
        "--judge",
        type=Path,
        metavar="FILE",
        help="a judge.safetensors of --experiment's from anywhere; default: its own. Without --experiment, "
        "the first listed in params.yaml that has a judge of images",
    )
    parser.epilog = """example of a picture:
  python -m stages.judge --image my_digit.png"""


def recognise(wanted: argparse.Namespace) -> None:
    """Say what the judge sees on pictures."""
    known = params.load(wanted.params)
    experiment = wanted.experiment or _first(known, wanted.params)
    block = params.select(known, experiment, wanted.params)
    path = wanted.judge or paths.ExperimentFiles(experiment).judge
    if block.judge.network != "cnn":
        raise UserError(
            f"{experiment}: its judge fits points, and sees no pictures; name another --experiment"
        )
    if not path.exists():
        raise UserError(f"{path}: there is no such judge; run the judge stage (make repro)")
    if known.settings.portable:
        portability.limit()
    import torch

    from stages.gan.core import datasets, devices, weights
    from stages.gan.judges import models
    from stages.gan.sources import image_folders, pictures

    device = devices.set_up(known.settings.device, known.settings.threads)
    judge, about = weights.load(path, models.JUDGES, device)
    if not isinstance(judge, models.Classifier):
        raise UserError(f"{path}: this judge knows no classes: its data are points, or have no labels")
    shape = tuple(about["architecture"]["shape"])
    if isinstance(block.data, params.ImagesData):  # as prepare reads the others
        read = image_folders.read(wanted.image, shape[1], shape[0])
        images = torch.stack([torch.from_numpy(image.copy()) for image in read])
    else:
        frame = pictures.FRAMES[block.data.source]
        images = torch.stack(
            [pictures.fit(pictures.load(file), shape, frame, str(file)) for file in wanted.image]
        )
    say(f"judge {experiment}: {len(images)} picture{'s'[: len(images) > 1]} on {device.type}; by {path}")
    answers = models.predict(judge, datasets.normalize(images)).softmax(1)
    for file, probabilities in zip(wanted.image, answers, strict=True):
        say(one_line(f"{file}: {_in_words(probabilities.tolist(), about.get('classes', ()))}"))


TOOL = command.Tool("image", _options, recognise)


def _first(known: params.Params, path: Path) -> str:
    """The first experiment that is listed and has a judge of images."""
    for name in known.settings.experiments:
        judge = paths.ExperimentFiles(name).judge
        if known.experiments[name].judge.network == "cnn" and judge.exists() and _classifies(judge):
            return name
    raise UserError(
        f"{path}: no experiment listed there has a judge of images that is fitted; run make repro, or name "
        "an --experiment"
    )


def _classifies(judge: Path) -> bool:
    """Whether a judge of images knows classes: without labels, it does not."""
    import torch

    from stages.gan.core import weights
    from stages.gan.judges import models

    return isinstance(weights.load(judge, models.JUDGES, torch.device("cpu"))[0], models.Classifier)


def _in_words(probabilities: list[float], classes: Sequence[str]) -> str:
    """The most likely class and those next to it."""
    ordered = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    names = [str(classes[index]) if classes else str(index) for index in ordered[: 1 + _NEXT]]
    shares = (probabilities[index] for index in ordered)
    first, *others = (f"{name} ({share:.2f})" for name, share in zip(names, shares, strict=False))
    return f"{first}; then {', '.join(others)}" if others else first
