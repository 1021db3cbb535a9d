"""The command line that all stages share."""

import argparse
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from stages.gan import params
from stages.gan.errors import UserError
from stages.paths import ExperimentFiles, RunFiles


@dataclass(frozen=True)
class Job:
    """What a stage is asked to do: an experiment, its parameters, its files and, for a run, the seed."""

    experiment: str
    seed: int
    settings: params.Settings
    params: params.Experiment
    shared: ExperimentFiles
    files: RunFiles

    def __str__(self) -> str:
        return f"{self.experiment}, seed {self.seed}"


def main(work: Callable[[Job], None], about: str | None, *, seed: bool) -> None:
    """Run a stage for the experiment, and with ``seed`` for the seed, that the command line names.

    A mistake of the user's ends it with one line and exit code 1; SIGTERM ends it like an error, so that
    what must be closed is closed.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", required=True, help="an experiment's name in the parameter file")
    if seed:
        parser.add_argument(
            "--seed", required=True, type=int, help="the run's seed, a whole number from 0 on"
        )
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="default: %(default)s")
    arguments = parser.parse_args()
    number = arguments.seed if seed else 0
    if number < 0:
        parser.error("--seed must be 0 or more")

    def start() -> None:
        known = params.load(arguments.params)
        work(
            Job(
                arguments.experiment,
                number,
                known.settings,
                params.select(known, arguments.experiment, arguments.params),
                ExperimentFiles(arguments.experiment),
                RunFiles(arguments.experiment, number),
            )
        )

    guard(start)


def guard(work: Callable[[], None]) -> None:
    """Do ``work``; a UserError becomes one line on stderr and exit code 1."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        work()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _stop(_signal: int, _frame: object) -> NoReturn:
    sys.exit(143)
