"""Runs in MLflow. They mirror files, so losing them never costs a training.

What is logged goes to journals on disk (see ``journal.py``). MLflow's client takes seconds to import, and a
call to its server may take any time. So another process does both (see ``mlflow_process.py``): it sends the
journals while this process works. What it cannot send waits for the next such process.
"""

import json
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from stages.runtime import paths
from stages.runtime.errors import counted, say, warn
from stages.tracking import address
from stages.tracking.messages import Close, FindRun, Request, Start, WatchJournal
from stages.tracking.outbox import Outbox, unsent
from stages.tracking.run import Run, strings
from stages.tracking.tags import KEY, PROCESS

_ROOT = Path(__file__).parents[2]
_PATIENCE = 20.0  # seconds to wait for an answer; a failing store is noticed earlier
_STARTING = 60.0  # seconds for the other process to import MLflow, on a busy machine
_STUCK = 12.0  # at the end, seconds without a sign of life after which the rest is left to wait
_END = 60.0  # seconds that the end may take in all, as other processes may have left much


class Store:
    """An MLflow store: the one that ``MLFLOW_TRACKING_URI`` names, or ``default``.

    If it fails, one line says so, what is logged waits in the outbox, and the work continues.

    Attributes:
        failure: the reason of its last failure; empty if there was none.
        outbox: its outbox.

    Args:
        default: the store's address if the environment names none.
        outbox: the folder with the outboxes of all stores.
        patient: at the end, wait as long as messages are being sent, not just for a limited time.

    Raises:
        UserError: the address is not valid.
    """

    def __init__(self, default: str, outbox: Path, patient: bool = False) -> None:
        self.failure = ""
        self._patient = patient
        self._uri = address.configured(default)
        address.check(self._uri)
        self.outbox = Outbox(outbox, self._uri)
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = b""
        self._ready = False  # whether the process has given a sign of life
        self._questions = 0
        self._answered = True  # whether the last question was answered
        self._runs: dict[str, Run] = {}  # runs that log here, by their keys
        self._folders: set[Path] = set()

    def open(self) -> None:
        """Start the other process if it does not run yet. Called early, it is ready when it is needed.

        Raises:
            UserError: the login for the server is missing or wrong.
        """
        if self._process is None:
            address.check_login(self._uri)
            path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stages.tracking.mlflow_process", str(self.outbox.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Not as an argument, which all users can see: the address may contain a password.
                env={**os.environ, "PYTHONPATH": path, "MLFLOW_TRACKING_URI": self._uri},
                start_new_session=True,  # Ctrl-C only reaches this process, which logs how the runs ended
            )

    def close(self) -> None:
        """Wait until the journals are sent, or for some seconds if the store fails; say how much is left."""
        for run in self._runs.values():
            run.close()
        for folder in self._folders:
            rmtree(folder, ignore_errors=True)
        if self._process is not None:
            idle = not any(map(unsent, self.outbox.journals()))
            if idle:
                self._process.kill()  # it has nothing to send, and may still be importing
            self._ask(Close(patient=self._patient))
            with suppress(OSError):
                assert self._process.stdin is not None
                self._process.stdin.close()
            patience = _STUCK if self._ready else _STARTING
            end = math.inf if self._patient else time.monotonic() + _END
            while (line := self._listen(min(patience, end - time.monotonic()))) is not None:
                patience = max(_STUCK, line.get("life", 0.0))
            reason = self._end()
            if reason and not (self.failure or idle):
                self.failure = reason
                warn(f"MLflow at {address.public(self._uri)} failed, what is logged waits: {reason}")
        self.outbox.purge()
        messages, runs = self.outbox.waiting()
        if messages:
            which = f"{counted(messages, 'message')} of {counted(runs, 'run')}"
            wait = "waits" if messages == 1 else "wait"
            say(f"MLflow: {which} {wait} in {self.outbox.root}; `make sync` sends them")

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A temporary folder for files that are logged within the block."""
        with suppress(OSError):
            self.outbox.folder.mkdir(parents=True, exist_ok=True)
        try:  # beside the journals, so that a file can be kept as a link
            folder = Path(mkdtemp(prefix=".files", dir=self.outbox.folder))
        except OSError:
            folder = Path(mkdtemp())
        self._folders.add(folder)
        yield folder
        rmtree(folder, ignore_errors=True)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def start(
        self,
        experiment: str,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, Any],
        *,
        key: str | None = None,
        if_absent_tag: tuple[str, str] | None = None,
    ) -> Iterator["Run"]:
        """Start a run; it ends FINISHED, KILLED by a signal, or FAILED by another exception.

        Args:
            experiment: the MLflow experiment's name.
            name: the run's name.
            tags: its tags.
            params: its parameters.
            key: a key from :meth:`new_key`. If a killed process had begun a run with this key, that run is
                resumed, and what it has already is not logged again.
            if_absent_tag: a tag and its value. If the store turns out to have a run with it, that run is
                taken, and what the block logs is not sent, as the run has it already.

        Yields:
            The run.
        """
        resume, key = key is not None, key or self.new_key()
        process = {PROCESS: f"{socket.gethostname()}:{os.getpid()}"}
        tags = {**strings(tags), KEY: key, **process}
        first = Start(
            experiment=experiment,
            name=name,
            key=key,
            params=strings(params),
            tags=tags,
            if_absent_tag=if_absent_tag,
        )
        run = Run(self, key, first)
        self._runs[key] = run
        run.open(resume, tags)
        run.skip_if_found = if_absent_tag is not None
        try:
            yield run
        except (KeyboardInterrupt, SystemExit):
            run.finish("KILLED")
            raise
        except BaseException:
            run.finish("FAILED")
            raise
        run.finish("FINISHED")
        run.skip_if_found = False

    def new_key(self) -> str:
        """A key for a run, with which another process can resume it; see :meth:`start`."""
        return self.outbox.new()

    def find(self, experiment: str, tag: str, value: str) -> "Run | None":
        """The newest run of an experiment with this tag and value, in the outbox or in the store.

        Also None if the outbox has none and the store does not answer: see ``if_absent_tag`` of
        :meth:`start`.
        """
        if key := self.outbox.find(experiment, tag, value):
            if key not in self._runs:
                # When the journal that begins the run is sent, the store may have the run by another key.
                first = Start(experiment=experiment, key=key, if_absent_tag=(tag, value))
                self._runs[key] = Run(self, self.outbox.new(), first)
            return self._runs[key]
        run_id = self.ask(FindRun(experiment=experiment, tag=tag, value=value))
        if not run_id:
            return None
        if run_id not in self._runs:
            first = Start(experiment=experiment, run_id=run_id)
            self._runs[run_id] = Run(self, self.outbox.new(), first)
        return self._runs[run_id]

    def ask(self, request: Request) -> Any:
        """Ask the other process a question; None if the store fails or does not answer in time."""
        self.open()
        self._questions += 1
        self._ask(replace(request, id=self._questions))
        # If the last question had no answer in time, the process is still busy with it.
        end = time.monotonic() + (_PATIENCE if self._answered else 0.0)
        self._answered = False
        while (line := self._listen(end - time.monotonic())) is not None:
            self._answered = self._answered or "id" in line
            if line.get("id") == self._questions:
                return line["answer"]
        return None

    def watch_journal(self, name: str) -> None:
        """Make the other process send a journal while it is written."""
        self.open()
        self._ask(WatchJournal(journal=name))

    def owns(self, path: Path) -> bool:
        """Whether a file is in a temporary folder of this store, so that nobody else writes to it."""
        return path.parent in self._folders

    def _end(self) -> str:
        """Wait for the end of the other process, or kill it; returns what was wrong with it, or ""."""
        assert self._process is not None
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()  # it hangs in a call, which the next process repeats
            self._process.wait()
            return "it does not answer"
        return f"the process that sends it ended with code {code}" if code else ""

    def _ask(self, request: Request) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # the process has ended
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()

    def _listen(self, seconds: float) -> dict[str, Any] | None:
        """The next line of the other process; None if it ends or takes more than so many seconds."""
        assert self._process is not None
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._answers:
            left = max(0.0, end - time.monotonic())
            if not select.select([pipe], [], [], left)[0]:
                return None
            block = os.read(pipe, 1 << 16)
            if not block:
                return None
            self._answers += block
        line, _, self._answers = self._answers.partition(b"\n")
        self._ready = True
        answer: dict[str, Any] = json.loads(line)
        self.failure = answer.get("failure", self.failure)
        return answer


def default(patient: bool = False) -> Store:
    """The store of this repository: a local one, unless ``MLFLOW_TRACKING_URI`` names another."""
    return Store(paths.STORE, paths.OUTBOX, patient)
