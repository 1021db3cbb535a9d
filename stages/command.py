"""The command line that all stages share.

It imports nothing heavy, and neither do the stages before their work starts: a mistake on the command line or
in params.yaml is told at once.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stages import ending
from stages.gan import params, portability
from stages.gan.errors import UserError, lack, one_line
from stages.gan.tracking import Store
from stages.paths import OUTBOX, STORE, ExperimentFiles, RunFiles


@dataclass(frozen=True)
class Job:
    """What a stage is asked to do for an experiment, whatever the seed."""

    experiment: str
    settings: params.Settings
    params: params.Experiment
    shared: ExperimentFiles
    store: Store

    def __str__(self) -> str:
        return self.experiment


@dataclass(frozen=True)
class RunJob(Job):
    """What a stage is asked to do for one run: an experiment with a seed."""

    seed: int
    files: RunFiles

    def __str__(self) -> str:
        return f"{self.experiment}, seed {self.seed}"


class Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """End with one line and exit code 2."""
        self.exit(2, f"error: {one_line(message)}; see --help\n")


def for_experiment(work: Callable[[Job], None], about: str | None) -> None:
    """Do a stage's ``work`` for the experiment that the command line names; see :func:`guard`."""
    arguments = _parser(about).parse_args()

    def start() -> None:
        with Store(STORE, OUTBOX) as store:
            work(_job(arguments, store))

    guard(start)


def for_run(work: Callable[[RunJob], Callable[[], None] | None], about: str | None) -> None:
    """Do a stage's ``work`` for the experiment and seed that the command line names; see :func:`guard`.

    What it returns is done when all is sent to MLflow.
    """
    parser = _parser(about)
    parser.add_argument("--seed", required=True, type=int, help="the run's seed, a whole number from 0 on")
    arguments = parser.parse_args()
    if not 0 <= arguments.seed < 2**63:
        parser.error("argument --seed: must be 0 or more, and below 2**63")

    def start() -> None:
        files = RunFiles(arguments.experiment, arguments.seed)
        with Store(STORE, OUTBOX) as store:
            job = RunJob(**vars(_job(arguments, store)), seed=arguments.seed, files=files)
            after = work(job)
        ending.check()
        if after is not None:
            after()

    guard(start)


def plain_parser(about: str | None) -> argparse.ArgumentParser:
    """A parser whose help is the stage's docstring."""
    return Parser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)


def add_params(parser: argparse.ArgumentParser) -> None:
    """Have a parser know ``--params``, the parameter file."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")


def _parser(about: str | None) -> argparse.ArgumentParser:
    parser = plain_parser(about)
    parser.add_argument("--experiment", required=True, help="an experiment's name in the parameter file")
    add_params(parser)
    return parser


def _job(arguments: argparse.Namespace, store: Store) -> Job:
    known = params.load(arguments.params)
    block = params.select(known, arguments.experiment, arguments.params)
    if known.settings.portable:
        portability.limit()
    return Job(arguments.experiment, known.settings, block, ExperimentFiles(arguments.experiment), store)


def guard(work: Callable[[], None]) -> None:
    """Do ``work``, and end the process.

    A mistake of the user's, and what the machine refuses (room on a disk, a permission, memory), ends it with
    one line and exit code 1; a signal ends it like an error, so that what must be closed is closed.
    """
    os.environ["MPLBACKEND"] = "agg"  # a notebook asks for its own, even of those who only write files
    # By default the collector goes through all modules again and again while they are imported.
    gc.set_threshold(100_000)
    code = 0
    try:
        ending.watch()
        work()
    except BaseException as error:
        # What a signal raises within an import may come out as any other exception.
        if ending.asked() or isinstance(error, KeyboardInterrupt):
            code = ending.code()
        else:
            line = str(error) if isinstance(error, UserError) else lack(error)
            if line is None:
                raise
            with suppress(OSError):
                print(f"error: {line}", file=sys.stderr)
            code = 1
    ending.leave(code)
