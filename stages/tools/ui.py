"""Open an experiment's runs in MLflow's UI: their losses, pictures, scores and what differs, side by side.

Reads params.yaml and the store that MLFLOW_TRACKING_URI names, or the local one. Starts MLflow's server on
this machine, and stops it on Ctrl-C; if the store is a server already, it starts none. Prints the page's
address, and opens it in the browser if there is a desktop. Writes nothing, except in a local store that was
copied or moved: there it corrects where the artifacts are.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from stages.gan.core import params
from stages.runtime import command
from stages.runtime.errors import UserError, one_line, say, without_login
from stages.tracking import address, database, pages, relocation

_PORT = 5000
_STARTING = 120.0  # seconds for the server, on a machine that does much else
_ENDING = 5.0  # seconds for it to end by itself
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # of evaluations of language models
}


def ui(arguments: argparse.Namespace) -> None:
    """Show an experiment, and serve the UI until Ctrl-C."""
    wanted = [arguments.experiment] if arguments.experiment else _listed(arguments.params)
    uri = address.configured()
    address.check(uri)
    os.environ.update({name: value for name, value in _SETTINGS.items() if name not in os.environ})
    if address.is_server(uri):
        if not _answers(address.public(uri).rstrip("/")):
            raise UserError(f"MLflow at {address.public(uri)} does not answer: is it up?")
        address.check_login(uri)
        _show(f"{address.public(uri).rstrip('/')}/{_page(uri, wanted)}")
        return
    local = database.of(uri)
    if local and not local.file.exists():  # MLflow would make it
        raise UserError(f"{uri}: there are no runs yet; `make repro` makes some")
    relocation.settle(uri)
    with suppress(KeyboardInterrupt), _server(uri, _free(arguments.port)) as (server, place):
        _show(f"{place}/{_page(place, wanted)}")
        say("Ctrl-C ends it")
        server.wait()


def _listed(path: Path) -> list[str]:
    return list(params.load(path).settings.experiments)


def _free(wanted: int | None) -> int:
    """The port to serve at: ``wanted``; without one, the default port, or any free one if that is taken.

    Raises:
        UserError: ``wanted`` is taken.
    """
    for port in (_PORT, 0) if wanted is None else (wanted,):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as found:
            return int(found.getsockname()[1])
    raise UserError(f"port {wanted} is taken; choose another, as in: make ui PORT={(wanted or _PORT) + 1}")


@contextmanager
def _server(uri: str, port: int) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """MLflow's server of a store and its address, as soon as it answers; the server ends with the block.

    Raises:
        UserError: it ends, or does not answer in time; with the last line that it has printed.
    """
    place = f"http://127.0.0.1:{port}"
    local = database.of(uri)
    with TemporaryFile() as log:
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "mlflow", "server", "--port", str(port), "--workers", "1"],
            # The address not as an argument, which all users see: there may be a password in it.
            env={
                **os.environ,
                "MLFLOW_BACKEND_STORE_URI": local.address if local else uri,
                "MLFLOW_TRACKING_URI": "",
            },
            cwd=local.folder if local else None,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for this process, which then ends that one and its own
        )
        try:
            end = time.monotonic() + _STARTING
            while not _answers(place):
                if server.poll() is not None:
                    reason = without_login(_last_line(log), uri)
                    raise UserError(f"MLflow's server of {address.public(uri)} does not start: {reason}")
                if time.monotonic() > end:
                    late = f"has not answered within {_STARTING:.0f} seconds; is this machine busy? Try again"
                    raise UserError(f"MLflow's server of {address.public(uri)} {late}")
                time.sleep(0.1)
            yield server, place
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    server.wait(_ENDING)


def _answers(place: str) -> bool:
    try:
        with urllib.request.urlopen(f"{place}/health", timeout=5):
            return True
    except urllib.error.HTTPError:  # as of one that wants a login
        return True
    except (OSError, HTTPException):
        return False


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return one_line(lines[-1])[:300] if lines else "it has printed nothing"


def _page(uri: str, wanted: list[str]) -> str:
    """The address, relative to the server's, of the first experiment in ``wanted`` that the server has.

    Raises:
        UserError: it has none of them, or fails.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(uri)
    try:
        found = [client.get_experiment_by_name(name) for name in wanted]
        for experiment in found:
            if experiment and experiment.lifecycle_stage == "active":
                number, tags = experiment.experiment_id, experiment.tags
                # A view whose filter finds no run would hide the others, such as the judge.
                runs = client.search_runs([number], pages.shown(tags), max_results=1)
                return pages.charts(number, view=pages.has_view(tags) and bool(runs))
        known = [experiment.name for experiment in client.search_experiments()]
    except MlflowException as error:
        reason = without_login(str(error), uri)[:200]
        raise UserError(f"MLflow at {address.public(uri)} fails: {reason}") from error
    listed = ", ".join(sorted(set(known) - {"Default"})) or "none"
    raise UserError(
        f"MLflow knows no experiment {' or '.join(wanted)} (it has: {listed}); `make repro` makes its runs"
    )


def _show(page: str) -> None:
    """Print a page's address, and open it if there is a desktop."""
    say(f"MLflow: {page}")
    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(page)


if __name__ == "__main__":
    parser = command.plain_parser(__doc__)
    parser.add_argument("--experiment", help="default: the first one in params.yaml that MLflow has")
    parser.add_argument("--port", type=int, help=f"default: {_PORT}, or any free one if that is taken")
    command.add_params(parser)
    arguments = parser.parse_args()
    if arguments.port is not None and not 0 < arguments.port < 2**16:
        parser.error("argument --port: must be from 1 to 65535")
    command.guard(lambda: ui(arguments))
