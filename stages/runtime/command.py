"""The command line that all stages and tools share.

It imports nothing heavy: a mistake on the command line or in params.yaml is reported at once. And what the
parameters ask of the libraries (``portable``) must be said before these are imported.
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
    """What a stage does for an experiment, whatever the seed."""

    def __call__(self, name: str, experiment: params.Experiment, settings: params.Settings) -> None:
        """Do it for the experiment of that name."""


class RunWork(Protocol):
    """What a stage does for one run: an experiment with a seed."""

    def __call__(
        self, name: str, seed: int, experiment: params.Experiment, settings: params.Settings
    ) -> None:
        """Do it for the experiment of that name, and that seed."""


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """End with one line and exit code 2."""
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
    """Have a parser know ``--params``, the parameter file."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")


def add_seed(parser: argparse.ArgumentParser, required: bool) -> None:
    """Have a parser know ``--seed``."""
    parser.add_argument("--seed", required=required, type=whole(0, 2**63 - 1), help="the run's seed")


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number, from ``least`` to ``most``."""

    def read(text: str) -> int:
        if not re.fullmatch("-?[0-9]{1,20}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def say_begin(stage: str, what: str, work: str, device: object, where: object) -> None:
    """Say what a stage is about to do for what, on which device, and where to look meanwhile, and after."""
    say(f"{stage} {what}: {work} on {device}; see {where}")


def guard(work: Callable[[], None]) -> NoReturn:
    """Do ``work``, and end the process.

    A mistake of the user's, and what the machine refuses (room on a disk, a permission, memory), ends it with
    one line and exit code 1; a signal ends it like an error, so that what must be closed is closed.
    """
    os.environ["MPLBACKEND"] = "agg"  # a notebook asks for its own, even of those who only write files
    # By default the collector goes through all modules again and again while they are imported.
    gc.set_threshold(100_000)
    code = 0
    try:
        signals.install()
        work()
    except BaseException as error:
        # What a signal raises within an import may come out as any other exception.
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
