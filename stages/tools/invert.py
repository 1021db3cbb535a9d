"""Find the latent point whose sample is nearest to a picture.

Starts from several random latent points; Adam minimises the mean squared error of the pixels (Creswell &
Bharath 2018; Lipton & Tripathi 2017); the nearest sample is the result. With a conditional generator, all
classes are tried. The same command writes the same bytes.

The picture must have the size of the generator's images. If these are light on dark (figures show them dark
on light), the picture is inverted if its negative is more similar to them.

Examples:
  python -m stages.tools.invert --experiment digits --seed 111 --picture seven.png --out nearest.png
  python -m stages.tools.invert --experiment digits --seed 111 --picture seven.png --out latent.npy
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from stages.runtime import command
from stages.runtime.errors import UserError, one_line, say
from stages.tools import generators

if TYPE_CHECKING:
    from torch import Tensor, nn

    from stages.gan.core.datasets import Split

_KINDS = "a picture .png, with the given picture and the sample, or an array .npy, with the latent point"
STARTS, STEPS = 32, 300


def _parser() -> argparse.ArgumentParser:
    parser = command.plain_parser(__doc__)
    parser.add_argument(
        "--picture", type=Path, required=True, metavar="FILE", help="PNG, JPEG, or what Pillow reads"
    )
    parser.add_argument("--out", required=True, metavar="FILE", help=f"what to write, by its name: {_KINDS}")
    generators.add_options(parser)
    generators.add_class(parser, "the class of the sample; default: the one that comes nearest")
    parser.add_argument(
        "--starts",
        type=command.whole(1, 10_000),
        default=STARTS,
        metavar="N",
        help="random latent points to start from; default: %(default)s",
    )
    parser.add_argument(
        "--start-seed",
        type=command.whole(0, 2**63 - 1),
        default=0,
        metavar="SEED",
        help="they are drawn from it; default: %(default)s",
    )
    parser.add_argument(
        "--steps",
        type=command.whole(1, 1_000_000),
        default=STEPS,
        metavar="N",
        help="of Adam; default: %(default)s",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    return parser


def invert(wanted: argparse.Namespace) -> None:
    """Find the nearest sample, and write it or its latent point.

    Raises:
        UserError: the generator makes no images, or the picture cannot be read or has another size.
    """
    kind = generators.check_out(wanted.out, (".png", ".npy"), _KINDS, wanted.force)
    path = generators.find(wanted)
    device_name, threads = generators.settings(wanted.params)
    import torch

    from stages.gan.core import arrays, devices
    from stages.gan.networks.base.sampling import Sampler
    from stages.runtime import progress, signals
    from stages.tools import gallery, inversion

    generator, about, seed = generators.load(path, devices.set_up(device_name, threads))
    shape = generators.shape(generator)
    if len(shape) != 3:
        raise UserError(f"{path}: makes points; name a generator of images")
    labels = _labels(generator, wanted.label)
    like = generators.like(Sampler(generator, seed))
    picture = _read(wanted.picture, shape, like)
    total = inversion.work(shape, len(labels), wanted.starts, wanted.steps)
    with progress.bar(total, "step") as bar:

        def stepped() -> None:
            signals.raise_if_stopped()
            bar.update()

        found = inversion.nearest(
            generator, picture, labels, wanted.starts, wanted.steps, wanted.start_seed, stepped
        )
    out = Path(wanted.out)
    if kind == ".npy":
        arrays.save(out, [found.latent.unsqueeze(0)], 1)
    else:
        gallery.save(out, torch.stack([picture, found.image]), like, columns=2)
    told = "" if found.label is None else f" of class {found.label}"
    name = f"invert {about.get('experiment')}, seed {seed}"
    far = f"{found.distance:.1f} grey levels from {wanted.picture} (root mean square)"
    at = f"its latent point is {found.length:.1f} times as long as usual"
    say(one_line(f"{name}: the nearest sample{told} is {far}; {at}; see {out}"))


def _labels(generator: "nn.Module", label: int | None) -> list[int | None]:
    """The classes to try; only None for a generator that is not conditional."""
    from stages.tools import classes, inversion

    if label is not None:
        if not classes.check_told(generator, label):
            raise UserError(f"--class {label}: this generator is not conditional; leave the option out")
        return [label]
    return inversion.labels(generator)


def _read(path: Path, shape: tuple[int, ...], like: "Split") -> "Tensor":
    """Read a picture in the form of a generator's images, uint8 [C, H, W], inverted if that is more similar.

    Raises:
        UserError: it cannot be read, or has another size.
    """
    from stages.gan.sources import pictures

    picture = pictures.load(path)
    size = (shape[2], shape[1])
    if picture.size != size:
        raise UserError(
            f"{path}: has {picture.width}x{picture.height} pixels, but the generator's images have "
            f"{size[0]}x{size[1]}; scale it to that size"
        )
    sample = pictures.fit(picture, shape, None, str(path))
    from_mean = [
        (one.double() - like.samples.double().mean(0)).square().mean() for one in (sample, 255 - sample)
    ]
    return 255 - sample if like.light_on_dark and from_mean[1] < from_mean[0] else sample


if __name__ == "__main__":
    wanted = _parser().parse_args()
    command.guard(lambda: invert(wanted))
