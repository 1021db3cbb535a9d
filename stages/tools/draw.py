"""Draw samples from a trained generator: as a picture, a folder, an array or an animation.

Needs only the generator's file, neither data nor MLflow, and writes nothing else. Sample K depends only on
the generator, the run's seed and K: it is row K of samples.npy.

Examples:
  python -m stages.tools.draw --experiment digits --seed 111 --seeds 0-99 --out grid.png
  python -m stages.tools.draw --experiment digits --seed 111 --interpolate 3 17 --out 3-to-17.gif
  python -m stages.tools.draw --experiment sine --seed 111 --plane --out plane.png
  python -m stages.tools.draw --generator generator.safetensors --count 1000000 --out samples.npy
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from stages.runtime import command
from stages.runtime.errors import UserError, counted, one_line, say
from stages.tools import generators
from stages.tools.numbers import MOST, Numbers

if TYPE_CHECKING:
    from torch import nn

    from stages.gan.networks.base.sampling import Sampler

_FRAMES, _SIDE = 60, 24
_IMAGES, _POINTS = 64, 1000  # number of samples by default
_KINDS = "a picture .png, an array .npy, a table .csv (points), an animation .gif or a folder (images)"


def _parser() -> argparse.ArgumentParser:
    parser = command.plain_parser(__doc__)
    parser.add_argument("--out", required=True, metavar="PATH", help=f"what to write, by its name: {_KINDS}")
    generators.add_options(parser)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--seeds", type=_numbers, metavar="LIST", help="the numbers of the samples, such as 0-63 or 5,100-199"
    )
    which.add_argument(
        "--count",
        type=command.whole(1, MOST),
        metavar="N",
        help=f"the same as --seeds 0-(N-1); default: {_IMAGES} images, or {_POINTS} points",
    )
    which.add_argument(
        "--interpolate",
        nargs=2,
        type=command.whole(0, 10**18 - 1),
        metavar=("A", "B"),
        help="to a .gif: from sample A to sample B and back",
    )
    which.add_argument(
        "--plane",
        action="store_true",
        default=None,
        help="to a .png: a grid of the latent plane, and its image under the generator (needs latent: 2)",
    )
    parser.add_argument(
        "--frames",
        type=command.whole(2, 1000),
        metavar="N",
        help=f"with --interpolate: number of frames; default: {_FRAMES}",
    )
    parser.add_argument(
        "--side",
        type=command.whole(2, 100),
        metavar="N",
        help=f"with --plane: points along each side of the grid; default: {_SIDE}",
    )
    generators.add_class(
        parser, "draw one class: by the generator if it is conditional, otherwise the judges select samples"
    )
    parser.add_argument(
        "--judge",
        type=Path,
        metavar="FILE",
        help="with --class: the file of the judges; default: that of the experiment",
    )
    parser.add_argument(
        "--truncation",
        type=_above_0,
        metavar="T",
        help="latent points between -T and T, such as 1; smaller: samples are more typical, and more alike",
    )
    parser.add_argument("--force", action="store_true", help="replace files that are there; default: refuse")
    return parser


def _numbers(text: str) -> Numbers:
    try:
        return Numbers.parse(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _above_0(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def draw(wanted: argparse.Namespace) -> None:
    """Draw what the command line asks for."""
    kind = _kind(wanted)
    path = generators.find(wanted)
    device_name, threads = generators.settings(wanted.params)
    from stages.gan.core import devices
    from stages.gan.networks.base import sampling
    from stages.tools import classes

    device = devices.set_up(device_name, threads)
    generator, about, seed = generators.load(path, device)
    told = wanted.label is not None and classes.check_told(generator, wanted.label)
    label, truncation = wanted.label if told else None, wanted.truncation or math.inf
    sampler = sampling.Sampler(generator, seed, label, truncation)
    count = wanted.count or (_IMAGES if len(generators.shape(generator)) == 3 else _POINTS)
    numbers = wanted.seeds or Numbers([range(count)])
    frames, side = wanted.frames or _FRAMES, wanted.side or _SIDE
    work = counted(len(numbers), "sample")
    if wanted.interpolate is not None:
        first, second = wanted.interpolate
        work = f"{counted(frames, 'frame')} from sample {first} to {second} and back"
    elif wanted.plane:
        work = f"a grid of the latent plane, {side} x {side}"
    _check(generator, numbers, kind, wanted)
    if told:
        work += f" of class {label}"
    elif wanted.label is not None:
        if wanted.interpolate is not None or wanted.plane:
            raise UserError(
                "--class: the generator is not conditional, and the judges can only select samples; leave "
                "--interpolate and --plane out"
            )
        judges = classes.load_judges(wanted.judge, str(about.get("experiment")), wanted.label, device)
        numbers, looked = classes.find(sampler, judges, wanted.label, len(numbers))
        work = (
            f"of its first {counted(looked, 'sample')}, {work} that the judges take for class {wanted.label}"
        )
    name = f"draw {about.get('experiment')}, seed {seed}"
    say(one_line(f"{name}: {work} on {device.type}; see {wanted.out}"))
    out = Path(wanted.out)
    if wanted.interpolate is not None:
        _animation(sampler, out, first, second, frames)
    elif wanted.plane:
        _plane(sampler, out, side)
    else:
        _samples(sampler, out, kind, numbers)


def _kind(wanted: argparse.Namespace) -> str:
    """The ending of what to write, or "" for a folder; checks all options that need no import.

    Raises:
        UserError: the options do not fit each other, or something exists already.
    """
    out = Path(wanted.out)
    kind = "" if wanted.out.endswith("/") or out.is_dir() else out.suffix.lower()
    if not wanted.out.strip() or kind not in ("", ".png", ".npy", ".csv", ".gif"):
        raise UserError(f"--out {wanted.out}: must be {_KINDS}")
    for option, made in (("interpolate", ".gif"), ("plane", ".png")):
        if getattr(wanted, option) is not None and kind != made:
            raise UserError(f"--out {wanted.out}: --{option} makes a {made} file; name one")
    if kind == ".gif" and wanted.interpolate is None:
        raise UserError(f"--out {wanted.out}: an animation goes between two samples: --interpolate A B")
    for option, needed in (("frames", "interpolate"), ("side", "plane"), ("judge", "label")):
        if getattr(wanted, option) is not None and getattr(wanted, needed) is None:
            raise UserError(f"--{option}: needs --{needed.replace('label', 'class')}")
    if wanted.label is not None and wanted.seeds is not None:
        raise UserError("--class: chooses the samples itself; give their number by --count, not by --seeds")
    if wanted.truncation is not None and wanted.plane:
        raise UserError("--truncation: --plane shows the whole latent space; leave one of them out")
    if out.exists() and not out.is_dir() and not (kind and wanted.force):
        raise UserError(f"--out {wanted.out}: is there already; name another, or replace a file with --force")
    return kind


def _check(generator: "nn.Module", numbers: Numbers, kind: str, wanted: argparse.Namespace) -> None:
    """Check that the samples can be drawn in this form, before any is drawn.

    Raises:
        UserError: they cannot.
    """
    from stages.tools import gallery

    out, shape, latent = wanted.out, generators.shape(generator), generator.latent
    if wanted.plane and latent != 2:
        raise UserError(f"--plane: needs a latent space of 2 dimensions, and this one has {latent}")
    if len(shape) == 1 and kind == "":
        raise UserError(f"--out {out}: single points are no pictures; name a .png, .npy or .csv")
    if len(shape) == 1 and kind in (".png", ".gif") and shape[0] < 2:
        raise UserError(f"--out {out}: a picture of points needs two coordinates; name a .npy or .csv")
    if len(shape) == 3 and kind == ".csv":
        raise UserError(f"--out {out}: images do not fit in a table; name a .png, .npy or a folder")
    if kind == ".png" and len(numbers) > (most := gallery.most(shape)):
        raise UserError(f"--out {out}: a picture shows at most {most:,} of these; name a .npy or a folder")
    if kind == "" and Path(out).is_dir() and not wanted.force:
        there = {path.name for path in Path(out).iterdir()}
        if taken := next((name for name in map(_name, numbers) if name in there), None):
            raise UserError(
                f"--out {out}: {taken} is there already; name another folder, or replace it with --force"
            )


def _name(number: int) -> str:
    """The file name of a sample's picture; names sort by number."""
    return f"{number:06}.png"


def _samples(sampler: "Sampler", out: Path, kind: str, numbers: Numbers) -> None:
    import torch

    from stages.gan.core import arrays
    from stages.runtime import progress
    from stages.tools import folders, gallery

    drawn = (sampler.numbered(block) for block in numbers.blocks(sampler.block))
    shown = progress.track_blocks(drawn, len(numbers), "sample")
    if kind == ".npy":
        arrays.save(out, shown, len(numbers))
    elif kind == ".csv":
        gallery.save_table(out, shown)
    elif kind == ".png":
        gallery.save(out, torch.cat(list(shown)), generators.like(sampler))
    else:
        names = map(_name, numbers)
        with folders.filling(out) as folder:
            for block in shown:
                for image in block:
                    gallery.save_image(folder / next(names), image)


def _animation(sampler: "Sampler", out: Path, first: int, second: int, frames: int) -> None:
    import torch
    from PIL import Image

    from stages.gan.networks.base import sampling
    from stages.gan.plots import image_files
    from stages.runtime import progress
    from stages.tools import interpolation

    ends = [sampler.latent(number) for number in (first, second)]
    known = len(getattr(sampler.generator, "counts", ()))
    drawn = sampling.draw(sampler.generator, interpolation.path(ends[0], ends[1], frames, known))
    if drawn.dim() == 2:
        others = torch.cat(list(sampler.samples(_POINTS)))
        pictures = interpolation.points(drawn, others)
    else:
        pictures = interpolation.images(drawn, generators.like(sampler))
    with progress.bar(frames, "frame") as bar:
        shown = []
        for picture in pictures:
            shown.append(Image.fromarray(picture).convert("RGB"))
            bar.update()
    image_files.save_animation(shown, [80] * frames, out, colors=64)


def _plane(sampler: "Sampler", out: Path, side: int) -> None:
    from stages.gan.networks.base import sampling
    from stages.tools import gallery, plane

    drawn = sampling.draw(sampler.generator, plane.latents(side))
    if drawn.dim() == 2:
        plane.save(out, drawn, side)
    else:
        gallery.save(out, drawn, generators.like(sampler))


if __name__ == "__main__":
    wanted = _parser().parse_args()
    command.guard(lambda: draw(wanted))
