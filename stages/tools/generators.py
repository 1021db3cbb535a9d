"""Command-line options for a trained generator and for the output file, and loading the generator."""

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

_LIKE = 1000  # number of samples that decide how images are shown


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a generator, and ``--params``."""
    parser.add_argument("--experiment", help="the generator's experiment, by its name in the parameter file")
    command.add_seed(parser, required=False)
    parser.add_argument(
        "--generator",
        type=Path,
        metavar="FILE",
        help="any generator.safetensors, instead of --experiment and --seed",
    )
    command.add_params(parser)


def add_class(parser: argparse.ArgumentParser, about: str) -> None:
    """Add the option ``--class``, whose value is ``label``; ``about`` is its help."""
    parser.add_argument("--class", dest="label", type=command.whole(0, 10_000), metavar="N", help=about)


def find(wanted: argparse.Namespace) -> Path:
    """The path of the generator's file.

    Raises:
        UserError: the options name no generator, or it does not exist.
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
    """The device and the number of threads, from the parameter file; defaults if there is no params.yaml.

    Also applies the parameter ``portable``.
    """
    if path == Path("params.yaml") and not path.exists():
        portability.limit("auto")
        return "auto", 2
    settings = params.load(path).settings
    portability.limit(settings.portable)
    return settings.device, settings.threads


def load(path: Path, device: "torch.device") -> tuple["nn.Module", dict[str, Any], int]:
    """Load a generator.

    Returns:
        The generator, the file's JSON values about it, and the seed of its run.

    Raises:
        UserError: the file contains no generator.
    """
    from stages.gan.core import weights
    from stages.gan.networks.base.registry import get_generator

    generator, about = weights.load(path, get_generator, device)
    seed = about.get("seed")
    if not isinstance(seed, int):
        raise UserError(f"{path}: does not contain the seed of its run; train it again")
    return generator, about, seed


def shape(generator: "nn.Module") -> tuple[int, ...]:
    """The shape of one sample."""
    return tuple(generator.architecture["shape"])  # type: ignore[index]


def like(sampler: "Sampler") -> "Split":
    """Samples that decide how images are shown: always the same, whichever samples are drawn."""
    import torch

    from stages.gan.core.datasets import Split

    colour = shape(sampler.generator)[0] > 1  # then one is enough
    return Split(torch.cat(list(sampler.samples(1 if colour else _LIKE))))


def check_out(out: str, endings: Sequence[str], what: str, force: bool) -> str:
    """Check the name of a file to write; returns its ending.

    Args:
        out: the file's name.
        endings: the endings that are allowed.
        what: the same in words.
        force: whether an existing file may be replaced.

    Raises:
        UserError: the name has another ending; or it is a folder, or a file that exists.
    """
    path = Path(out)
    if path.suffix.lower() not in endings or out.endswith("/"):
        raise UserError(f"--out {out}: must be {what}")
    if path.is_dir():
        raise UserError(f"--out {out}: is a folder; name a file")
    if path.exists() and not force:
        raise UserError(f"--out {out}: is there already; name another, or replace it with --force")
    return path.suffix.lower()
