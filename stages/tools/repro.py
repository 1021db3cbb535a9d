"""Run the stages of the pipeline that are not up to date; then name the pictures and the next commands.

First runs `python -m stages.check`, which reports in one line what DVC could not handle, then `dvc repro`.
After Ctrl-C the current stage ends, what is done is kept, and the next run continues from there.

Example:
  python -m stages.tools.repro
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import NoReturn

from stages.gan.core import params
from stages.runtime import command, dvc_process, signals
from stages.runtime.errors import counted, say
from stages.runtime.paths import REPORT, RUNS, RunFiles

_CHECK = (sys.executable, "-m", "stages.check")
_NAMED = 6  # at most so many runs' pictures are named


def reproduce() -> None:
    """Check, run the pipeline, and say what comes next. If a step fails, the process ends in the same way."""
    _run(_CHECK)
    settings = params.load(Path("params.yaml")).settings
    _run(dvc_process.COMMAND)
    for line in _next(settings):
        say(line)


def _run(program: tuple[str, ...]) -> None:
    """Run a program on this terminal; if it fails, end this process with the program's exit code.

    If the program was stopped by a signal, this process ends by the same signal, so that `make` names it.
    """
    with _signals_for(program) as (process, came):
        code = process.wait()
    if code and came:
        say("repro: stopped; what is done is kept: run `make repro` again, and it goes on from here")
        _end_by(came[0])
    if code:
        signals.exit_now(code if code > 0 else 128 - code)


@contextmanager
def _signals_for(program: tuple[str, ...]) -> "Iterator[tuple[subprocess.Popen[bytes], list[int]]]":
    """Start a program. Within the block no signal ends this process: the program decides how to end.

    A terminal sends Ctrl-C to both processes. Other signals may only come to this one, so they are passed on.
    Signals that are ignored, such as after nohup, stay ignored.

    Yields:
        The program's process, and the list of the signals that have come.
    """
    came: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def note(number: int, _: object) -> None:
        came.append(number)
        if number != signal.SIGINT:
            for process in started:
                with suppress(ProcessLookupError):
                    process.send_signal(number)

    kinds = [kind for kind in signals.ENDING if signal.getsignal(kind) is not signal.SIG_IGN]
    before = {kind: signal.signal(kind, note) for kind in kinds}
    try:
        started.append(subprocess.Popen(program, env=dvc_process.environment()))
        yield started[0], came
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _end_by(number: int) -> NoReturn:
    sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    signals.exit_now(128 + number)  # not reached, unless the signal is blocked


def _next(settings: params.Settings) -> Iterator[str]:
    """Yield lines with the pictures of the runs that params.yaml lists, and with the next commands."""
    runs = [*product(settings.experiments, settings.seeds)]
    for experiment, seed in runs[:_NAMED]:
        found = RunFiles(experiment, seed)
        yield f"{experiment}, seed {seed}: see {found.samples_figure}, {found.animation.name}"
    if len(runs) > _NAMED:
        yield f"{counted(len(runs) - _NAMED, 'more run')}: see {RUNS}"
    yield f"all runs side by side: see {REPORT}"
    yield "next: `make ui` shows them in MLflow; `make repro` runs what a change of params.yaml asks for"


if __name__ == "__main__":
    command.plain_parser(__doc__).parse_args()
    command.guard(reproduce)
