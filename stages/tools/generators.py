"""The generator that a command line names, and where what is made of it is to go."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.gan.core import params, portability
from stages.runtime import command, paths
from stages.runtime.errors import UserError
from stages.tools import missing

if TYPE_CHECKING:
    import torch
    from torch import nn

    from stages.gan.core.datasets import Split
    from stages.gan.networks.base.sampling import Sampler

_LIKE = 1000  # samples that say how one is shown


def add_options(parser: argparse.ArgumentParser) -> None:
    """Have a parser know the options that name a generator, and ``--params``."""
    parser.add_argument("--experiment", help="whose generator; an experiment's name in the parameter file")
    command.add_seed(parser, required=False)
    parser.add_argument(
        "--generator",
        type=Path,
        metavar="FILE",
        help="a generator.safetensors from anywhere, instead of --experiment and --seed",
    )
    command.add_params(parser)


def add_class(parser: argparse.ArgumentParser, about: str) -> None:
    """Have a parser know ``--class``, as ``label``; ``about`` says what it does."""
    parser.add_argument("--class", dest="label", type=command.whole(0, 10_000), metavar="N", help=about)


def find(wanted: argparse.Namespace) -> Path:
    """The generator's file.

    Raises:
        UserError: the options name none, or there is none.
    """
    if wanted.generator is not None:
        if wanted.experiment is not None or wanted.seed is not None:
            raise UserError("--generator: its file knows its experiment and seed; leave those options out")
        return Path(wanted.generator)
    if wanted.experiment is None or wanted.seed is None:
        raise UserError("which generator? Name it by --experiment and --seed, or its file by --generator")
    path = paths.RunFiles(wanted.experiment, wanted.seed).generator
    if not path.exists():
        known = params.load(wanted.params)
        params.select(known, wanted.experiment, wanted.params)
        remedy = missing.remedy(known.settings, wanted.params, wanted.experiment, wanted.seed)
        raise UserError(f"{path}: there is no such generator; {remedy}")
    return path


def settings(path: Path) -> tuple[str, int]:
    """The device and the number of threads: as the parameter file says, or as it does by default."""
    if path == Path("params.yaml") and not path.exists():
        portability.limit("auto")
        return "auto", 2
    settings = params.load(path).settings
    portability.limit(settings.portable)
    return settings.device, settings.threads


def load(path: Path, device: "torch.device") -> tuple["nn.Module", dict[str, Any], int]:
    """The generator in a file, what is known of it, and its run's seed.

    Raises:
        UserError: the file holds none.
    """
    from stages.gan.core import weights
    from stages.gan.networks.base.registry import get_generator

    generator, about = weights.load(path, get_generator, device)
    seed = about.get("seed")
    if not isinstance(seed, int):
        raise UserError(f"{path}: does not say of which seed it is; make it again")
    return generator, about, seed


def shape(generator: "nn.Module") -> tuple[int, ...]:
    """The shape of one of its samples."""
    return tuple(generator.architecture["shape"])  # type: ignore[index]


def like(sampler: "Sampler") -> "Split":
    """Samples of the generator, always the same: how one is shown must not hang on which are drawn."""
    import torch

    from stages.gan.core.datasets import Split

    colour = shape(sampler.generator)[0] > 1  # of which any will do
    return Split(torch.cat(list(sampler.samples(1 if colour else _LIKE))))


def check_out(out: str, endings: Sequence[str], what: str, force: bool) -> str:
    """The ending of the file that is to be written.

    Args:
        out: its name.
        endings: that it may have.
        what: these, in words.
        force: whether one that is there may be replaced.

    Raises:
        UserError: it has none of these; or something is there.
    """
    path = Path(out)
    if path.suffix.lower() not in endings or out.endswith("/"):
        raise UserError(f"--out {out}: must be {what}")
    if path.is_dir():
        raise UserError(f"--out {out}: is a folder; name a file")
    if path.exists() and not force:
        raise UserError(f"--out {out}: is there already; name another, or replace it with --force")
    return path.suffix.lower()
