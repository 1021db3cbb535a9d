"""The command line of all stages and tools.

This module imports nothing heavy, so mistakes on the command line and in params.yaml are reported at once.
The parameter ``portable`` also requires this: it must be applied before the libraries are imported.
"""

import argparse
import gc
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

from stages.gan.core import params, portability
from stages.runtime import signals, waiting
from stages.runtime.errors import UserError, describe_os_error, one_line, say


class ExperimentWork(Protocol):
    """The work of a stage for an experiment, independent of the seed."""

    def __call__(self, name: str, experiment: params.Experiment, settings: params.Settings) -> None:
        """Do the work for the experiment of this name."""


class RunWork(Protocol):
    """The work of a stage for one run: an experiment with a seed."""

    def __call__(
        self, name: str, seed: int, experiment: params.Experiment, settings: params.Settings
    ) -> None:
        """Do the work for the experiment of this name and for this seed."""


class Parser(argparse.ArgumentParser):
    """A parser that reports mistakes in one line."""

    def error(self, message: str) -> NoReturn:
        """End the process with one line and exit code 2."""
        self.exit(2, f"error: {one_line(message)}; see --help\n")


def for_experiment(work: ExperimentWork, about: str | None) -> NoReturn:
    """Do a stage's ``work`` for the experiment that the command line names; see :func:`guard`."""
    arguments = _parser(about).parse_args()
    guard(lambda: work(arguments.experiment, *_load(arguments)))


def for_run(work: RunWork, about: str | None, seed_required: bool = True) -> NoReturn:
    """Do a stage's ``work`` for the experiment and seed that the command line names; see :func:`guard`."""
    parser = _parser(about)
    add_seed(parser, seed_required)
    arguments = parser.parse_args()
    guard(lambda: work(arguments.experiment, arguments.seed, *_load(arguments)))


def plain_parser(about: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the stage's or tool's docstring."""
    script = Path(sys.argv[0])
    named = script.parent if script.stem == "__main__" else script.with_suffix("")
    room = "tools." if named.parent.name == "tools" else ""
    return Parser(
        prog=f"python -m stages.{room}{named.name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_params(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--params``, the parameter file."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")


def add_seed(parser: argparse.ArgumentParser, required: bool) -> None:
    """Add the option ``--seed``."""
    parser.add_argument("--seed", required=required, type=whole(0, 2**63 - 1), help="the run's seed")


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``least`` to ``most``, both included."""

    def read(text: str) -> int:
        if not re.fullmatch("-?[0-9]{1,20}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def say_begin(stage: str, what: str, work: str, device: object, where: object) -> None:
    """Print the first line of a stage.

    Args:
        stage: the stage's name.
        what: the experiment, or the run, that it works on.
        work: how much work it is, in words.
        device: where it computes.
        where: where the user can watch it, or find its results.
    """
    say(f"{stage} {what}: {work} on {device}; see {where}")


def guard(work: Callable[[], None]) -> NoReturn:
    """Do ``work``, and end the process.

    After a user's mistake, or an error of the machine (full disk, missing permission, too little memory), it
    ends with one line and exit code 1. A signal is raised as an exception, so that everything is closed
    properly.
    """
    os.environ["MPLBACKEND"] = "agg"  # in a notebook, the variable names a backend that only works there
    # With the default, the garbage collector would visit all modules many times while they are imported.
    gc.set_threshold(100_000)
    code = 0
    try:
        signals.install()
        work()
    except BaseException as error:
        # An exception that a signal raises during an import may be turned into another one.
        if signals.stop_requested() or isinstance(error, KeyboardInterrupt):
            code = signals.exit_code()
        else:
            program = Path(sys.argv[0]).stem
            line = str(error) if isinstance(error, UserError) else describe_os_error(error, program)
            if line is None:
                raise
            with suppress(OSError):
                print(f"error: {line}", file=sys.stderr)
            code = 1
    signals.exit_now(code)


def _parser(about: str | None) -> argparse.ArgumentParser:
    parser = plain_parser(about)
    parser.add_argument("--experiment", required=True, help="an experiment's name in the parameter file")
    add_params(parser)
    return parser


def _load(arguments: argparse.Namespace) -> tuple[params.Experiment, params.Settings]:
    known = params.load(arguments.params)
    experiment = params.select(known, arguments.experiment, arguments.params)
    portability.limit(known.settings.portable)
    waiting.settle(known.settings.threads)
    return experiment, known.settings
