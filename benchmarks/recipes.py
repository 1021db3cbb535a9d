"""The recipes of params.yaml, with what is changed on the command line: ``--set train.r1=1``."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from omegaconf import OmegaConf

from stages.gan.core import params

PATH = Path("params.yaml")


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a parser the option ``--set``."""
    parser.add_argument(
        "--set",
        nargs="+",
        default=(),
        metavar="KEY=VALUE",
        help="parameters to change, as `dvc exp run -S` has them, without the experiment's name",
    )


def load(experiment: str, changes: Sequence[str] = ()) -> params.Params:
    """The parameters of params.yaml, with changes to an experiment.

    Raises:
        UserError: see :func:`stages.gan.core.params.load`.
    """
    if not changes:
        return params.load(PATH)
    changed = OmegaConf.merge(OmegaConf.load(PATH), {experiment: OmegaConf.from_dotlist([*changes])})
    with TemporaryDirectory() as folder:
        path = Path(folder) / PATH.name
        OmegaConf.save(changed, path)
        return params.load(path)
