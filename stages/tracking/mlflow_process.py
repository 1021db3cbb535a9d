"""The process that talks to MLflow for the one that works; ``store.py`` starts it and sends it requests.

It sends the outbox to the store that MLFLOW_TRACKING_URI names: the journals of the working process, and
journals that earlier processes could not send. If the store fails, it tries again after pauses that get
longer. On standard input it reads the names of the working process's journals, and questions, each as a line
of JSON; on standard output it writes answers and signs of life. When the input ends, it sends what is left
and ends, or gives up after some seconds if the store fails.
"""

import gc
import json
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from stages.runtime.errors import one_line, warn, without_login
from stages.tracking import database, journal, messages, outbox, system_metrics
from stages.tracking.address import is_database, public
from stages.tracking.messages import Close, FindRun, GetRunId, Request, Start, WatchJournal
from stages.tracking.sender import NotYetError, Sender
from stages.tracking.system_metrics import SystemMetrics

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # this process tries again itself, without blocking the rest
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # failures are reported here, in one line
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_EVERY = 5.0  # seconds between two rounds of sending
_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)  # seconds to wait after successive failures
_DYING = 5.0  # seconds until a process that was killed has lost its locks
_SLOW = 30.0  # seconds that an answer may take if there is time
_PATIENCE = 3.0  # at the end, seconds since the last success after which a failing store is given up


class Process:
    """The loop that reads requests, answers and sends.

    Args:
        uri: the store's address.
        box: the store's outbox.
    """

    def __init__(self, uri: str, box: outbox.Outbox) -> None:
        self._uri = uri
        self._box = box
        self._sender: Sender | None = None
        self._mine: set[str] = set()
        self._metrics: list[SystemMetrics] = []
        self._input = b""
        self._asked: list[Request] = []  # questions without an answer yet
        self._ended = False
        self._patient = False  # whether to continue at the end as long as anything is sent, however slowly
        self._failures = 0
        self._count = 0  # messages sent, at the last check
        self._warned = False
        self._skip = ""  # the journal that failed last: the next round begins after it
        self._success = time.monotonic()
        self._next = time.monotonic() + 1.0

    def run(self) -> None:
        """Run until the input ends and everything is sent, or the store has failed for too long."""
        _write(life=0)  # imported
        while not self._ended:
            self._read(max(0.0, self._next - time.monotonic()))
            self._answer()
            if time.monotonic() >= self._next:
                self._round()
        for metrics in self._metrics:
            metrics.stop()
        self._success = time.monotonic()
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(int(_SLOW if self._patient else _PATIENCE))
        while not self._round() and time.monotonic() < self._success + _PATIENCE:
            time.sleep(0.5)

    def _read(self, seconds: float) -> None:
        """Wait for requests, at most so many seconds, and handle them."""
        if not select.select([sys.stdin], [], [], seconds)[0]:
            return
        block = os.read(sys.stdin.fileno(), 1 << 16)
        if not block:
            self._ended = True
            return
        *lines, self._input = (self._input + block).split(b"\n")
        for line in lines:
            request = messages.decode_request(line)
            match request:
                case WatchJournal():
                    self._mine.add(request.journal)
                    self._watch_machine(request.journal)
                case Close():
                    self._ended, self._patient = True, request.patient
                case _:
                    self._asked.append(request)

    def _watch_machine(self, name: str) -> None:
        """Log the machine's metrics for a run that begins or continues now, if this is enabled."""
        begun, _ = next(journal.read(self._box.folder / name), (None, 0))
        if isinstance(begun, Start) and begun.key == name and not begun.if_absent_tag:
            own = self._box.new()
            if metrics := system_metrics.start(self._box.folder / own, begun):
                self._metrics.append(metrics)
                self._mine.add(own)

    def _answer(self, *kinds: type[Request]) -> None:
        """Answer the waiting questions: those of some kinds, or all."""
        waiting, self._asked = self._asked, []
        for request in waiting:
            if kinds and not isinstance(request, kinds):
                self._asked.append(request)
            elif self._failures and time.monotonic() < self._next:  # it has just failed
                _write(id=request.id, answer=None)
            else:
                match request:
                    case FindRun():
                        _write(id=request.id, answer=self._find(request))
                    case GetRunId():
                        _write(id=request.id, answer=self._run_id(request))

    def _run_id(self, request: GetRunId) -> str | None:
        self._round()
        return None if self._sender is None else self._sender.run_id(request.journal)

    def _find(self, request: FindRun) -> str | None:
        try:
            return self._connected().find(request.experiment, request.tag, request.value)
        except Exception as error:  # MLflow and its libraries raise many kinds
            self._failed(error)
            return None

    def _connected(self) -> Sender:
        if self._sender is None:
            self._sign(60.0)  # a database may have to be made, by one process for all
            self._sender = Sender(self._uri, self._box, self._sign, warn)
        return self._sender

    def _round(self) -> bool:
        """Send the journals; returns whether nothing is left."""
        journals = self._box.journals()
        journals = [path for path in journals if path.name > self._skip] + [
            path for path in journals if path.name <= self._skip
        ]
        done = True
        for path in journals:
            mine = path.name in self._mine
            if self._ended or not mine:
                journal.mark_killed(path, wait=_DYING if mine else 0.0)
                if journal.is_written(path):  # by another process, whose own MLflow process sends it
                    if mine:  # ours is complete, so another process only holds the lock for a moment
                        done = False
                    continue
            if not outbox.unsent(path):
                self._clear(path)
                continue
            with journal.sending(path) as ours:
                if not ours:  # another process is sending it, and may not send all of ours
                    done = False
                    if self._patient or mine:
                        self._success = time.monotonic()
                        self._sign(0.0)
                    continue
                try:
                    self._connected().send(path)
                except NotYetError:
                    done = False
                    continue
                except Exception as error:  # see above
                    self._skip = path.name
                    self._got_on()
                    self._failed(error)
                    return False
            self._got_on()
            self._clear(path)
        self._skip = ""
        self._next = time.monotonic() + _EVERY
        return done

    def _got_on(self) -> None:
        """Reset the pauses if anything was sent since the last call."""
        if self._sender is not None and self._sender.count > self._count:
            self._count = self._sender.count
            self._failures = 0
            self._success = time.monotonic()

    def _clear(self, path: Path) -> None:
        if not journal.is_written(path):
            outbox.clear(path)

    def _failed(self, error: Exception) -> None:
        pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1
        self._next = time.monotonic() + pause
        reason = without_login(describe(error), self._uri)[:400]
        if select.select([], [_answers], [], 0)[1]:  # see below
            _write(failure=reason)
        if not self._warned:
            self._warned = True
            local = database.of(self._uri)
            place = local.file if local else public(self._uri)
            warn(f"MLflow at {place} failed, what is logged waits: {reason}")

    def _sign(self, seconds: float) -> None:
        """Give a sign of life, and answer questions, before a message that may take so many seconds."""
        if self._patient:
            seconds = max(seconds, 2 * _SLOW)
        elif not self._ended and self._sender is not None:
            self._read(0.0)
            self._answer(FindRun)
        if select.select([], [_answers], [], 0)[1]:  # signs are only read at the end, so the pipe may be full
            _write(life=seconds)


def describe(error: Exception) -> str:
    """The first line of an exception's message; in a database's, the query follows."""
    lines = str(error).strip().splitlines()
    return one_line(lines[0]) if lines else type(error).__name__


def _write(**message: Any) -> None:
    with suppress(OSError):  # the other process was killed
        os.write(_answers, json.dumps(message).encode() + b"\n")


_answers = 1


def _main() -> None:
    global _answers
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the working process decides when to end
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # By default the collector goes through all modules again and again while they are imported.
    gc.set_threshold(100_000)
    # MLflow's prints must not be taken for answers, so they go to standard error.
    _answers = os.dup(1)
    os.dup2(2, 1)
    uri, (folder,) = os.environ["MLFLOW_TRACKING_URI"], sys.argv[1:]
    box = outbox.Outbox(Path(folder).absolute(), uri)
    if local := database.of(uri):
        uri = local.enter()
    with suppress(Exception):  # imports take long; errors are reported once the store is used
        import mlflow.tracking

        if is_database(uri):
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    Process(uri, box).run()
    os._exit(0)  # Python's cleanup of all these modules would take longer than sending a figure


if __name__ == "__main__":
    _main()
