"""The command line that all stages share.

It imports nothing heavy, and neither do the stages before their work starts: a mistake on the command line or
in params.yaml is told at once.
"""

import argparse
import gc
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stages import ending
from stages.gan import params, portability
from stages.gan.errors import UserError, lack, one_line, tell
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


@dataclass(frozen=True)
class Tool:
    """What a stage's script does by hand, beside its work in the pipeline, where its own option is given.

    Args:
        option: the one that asks for it, such as ``out``.
        add: adds this option and others to a parser; all are None if they are not given.
        work: does it; see :func:`guard`.
    """

    option: str
    add: Callable[[argparse.ArgumentParser], None]
    work: Callable[[argparse.Namespace], None]


def for_experiment(work: Callable[[Job], None], about: str | None, tool: Tool | None = None) -> None:
    """Do a stage's ``work`` for the experiment that the command line names, or a tool's: :func:`guard`."""
    arguments = _arguments(_parser(about, tool is None), tool, "experiment")

    def start() -> None:
        with Store(STORE, OUTBOX) as store:
            work(_job(arguments, store))

    guard(start)


def for_run(
    work: Callable[[RunJob], Callable[[], None] | None], about: str | None, tool: Tool | None = None
) -> None:
    """Do a stage's ``work`` for the experiment and seed that the command line names, or a tool's.

    What the work returns is done when all is sent to MLflow. See :func:`guard`.
    """
    parser = _parser(about, tool is None)
    parser.add_argument("--seed", required=tool is None, type=whole(0, 2**63 - 1), help="the run's seed")
    arguments = _arguments(parser, tool, "experiment", "seed")

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
    script = Path(sys.argv[0])
    return Parser(
        prog=f"python -m stages.{script.parent.name if script.stem == '__main__' else script.stem}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_params(parser: argparse.ArgumentParser) -> None:
    """Have a parser know ``--params``, the parameter file."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number, from ``least`` to ``most``."""

    def read(text: str) -> int:
        if not re.fullmatch("-?[0-9]{1,20}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def begin(stage: str, job: Job, work: str, device: object, where: object) -> None:
    """Tell what a stage is about to do, on which device, and where to look meanwhile, and after."""
    tell(f"{stage} {job}: {work} on {device}; see {where}")


def in_mlflow(job: Job, run: str) -> str:
    """Where a run can be looked at while it goes on."""
    return f"{run} of experiment {job.experiment} in MLflow (make ui)"


def _parser(about: str | None, required: bool) -> argparse.ArgumentParser:
    parser = plain_parser(about)
    parser.add_argument("--experiment", required=required, help="an experiment's name in the parameter file")
    add_params(parser)
    return parser


def _arguments(parser: argparse.ArgumentParser, tool: Tool | None, *needed: str) -> argparse.Namespace:
    """The arguments of a stage, checked to be there; where a tool is asked for, its work is done instead."""
    if tool is None:
        return parser.parse_args()
    known = vars(parser.parse_args([]))
    tool.add(parser)
    arguments = parser.parse_args()
    given = [name for name, value in vars(arguments).items() if name not in known and value is not None]
    if tool.option in given:
        guard(lambda: tool.work(arguments))
    if given:
        parser.error(f"argument --{given[0]}: needs --{tool.option}")
    if lacking := [f"--{name}" for name in needed if getattr(arguments, name) is None]:
        parser.error(f"the following arguments are required: {', '.join(lacking)}")
    return arguments


def _job(arguments: argparse.Namespace, store: Store) -> Job:
    known = params.load(arguments.params)
    block = params.select(known, arguments.experiment, arguments.params)
    if known.settings.portable:
        portability.limit()
    return Job(arguments.experiment, known.settings, block, ExperimentFiles(arguments.experiment), store)


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
