"""Runs in MLflow. They mirror what is in files: losing them never costs a training.

What is logged goes to journals on disk (see ``journal.py``). MLflow's client takes seconds to import, and a
call to its server as long as the server pleases. So another process does both (see ``mlflow_process.py``): it
sends what the journals hold, while this one goes on with its work; what it cannot send waits for the next.
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
_PATIENCE = 20.0  # seconds for an answer; a store that fails is known by then
_STARTING = 60.0  # seconds for the other process to import MLflow, on a machine that does much else
_STUCK = 12.0  # seconds without a sign of life at the end, after which the rest waits
_END = 60.0  # seconds that the end may take in all; what others left may be much


class Store:
    """An MLflow store: the one that ``MLFLOW_TRACKING_URI`` names, or ``default``.

    Where it fails, one line says so, what is logged waits in the outbox, and the work goes on.

    Attributes:
        failure: why it failed last; empty where it has not.

    Args:
        default: the address of the store to use where the environment names none.
        outbox: the folder for what waits.
        patient: whether to wait until all is sent, as long as that goes on, and not just for a while.

    Raises:
        UserError: the address cannot be one.
    """

    def __init__(self, default: str, outbox: Path, patient: bool = False) -> None:
        self.failure = ""
        self._patient = patient
        self._uri = address.configured(default)
        address.check(self._uri)
        self.outbox = Outbox(outbox, self._uri)
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = b""
        self._ready = False  # whether the process was heard of
        self._questions = 0
        self._answered = True  # whether the last of them was
        self._runs: dict[str, Run] = {}  # those that log, by their keys
        self._folders: set[Path] = set()

    def open(self) -> None:
        """Start the other process, if it does not run yet; the earlier, the less is waited for it.

        Raises:
            UserError: the server wants a login that is missing.
        """
        if self._process is None:
            address.check_login(self._uri)
            path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "stages.tracking.mlflow_process", str(self.outbox.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # The address not as an argument, which all users see: there may be a password in it.
                env={**os.environ, "PYTHONPATH": path, "MLFLOW_TRACKING_URI": self._uri},
                start_new_session=True,  # Ctrl-C is for this process, which then says how the runs ended
            )

    def close(self) -> None:
        """Wait for what waits to be sent, some seconds where the store fails; say what is left then."""
        for run in self._runs.values():
            run.close()
        for folder in self._folders:
            rmtree(folder, ignore_errors=True)
        if self._process is not None:
            idle = not any(map(unsent, self.outbox.journals()))
            if idle:
                self._process.kill()  # it has nothing to send, and is at its imports still
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
        """A folder for files that are logged within the block; it is removed afterwards."""
        with suppress(OSError):
            self.outbox.folder.mkdir(parents=True, exist_ok=True)
        try:  # beside the journals, so that a link is enough to keep a file
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
            key: from :meth:`new_key`. If a process that was killed had begun a run with it, that goes on,
                and keeps what it has where the same is logged anew.
            if_absent_tag: a tag and its value. If the store turns out to have a run with it, that is the
                run, and what the block logs is not sent: it has it already.
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
        """A name for a run, by which another process can go on with it; see :meth:`start`."""
        return self.outbox.new()

    def find(self, experiment: str, tag: str, value: str) -> "Run | None":
        """The newest run of an experiment with this tag, sent or not.

        None, too, where the store cannot be asked and the outbox has none: see ``if_absent_tag`` of
        :meth:`start`.
        """
        if key := self.outbox.find(experiment, tag, value):
            if key not in self._runs:
                # The journal that begins the run may find that the store has it by another key.
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
        """Have the other process answer a question: None where the store fails."""
        self.open()
        self._questions += 1
        self._ask(replace(request, id=self._questions))
        # Where the last question had no answer in time, it is at that still.
        end = time.monotonic() + (_PATIENCE if self._answered else 0.0)
        self._answered = False
        while (line := self._listen(end - time.monotonic())) is not None:
            self._answered = self._answered or "id" in line
            if line.get("id") == self._questions:
                return line["answer"]
        return None

    def watch_journal(self, name: str) -> None:
        """Have the other process send a journal while it is written."""
        self.open()
        self._ask(WatchJournal(journal=name))

    def owns(self, path: Path) -> bool:
        """Whether a file lies in a folder of this store, so that nobody else writes to it."""
        return path.parent in self._folders

    def _end(self) -> str:
        """Have the other process ended; returns what was wrong with it, or nothing."""
        assert self._process is not None
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()  # stuck within a call; the next process repeats it
            self._process.wait()
            return "it does not answer"
        return f"the process that sends it ended with code {code}" if code else ""

    def _ask(self, request: Request) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # the process is no more
            self._process.stdin.write(request.encode())
            self._process.stdin.flush()

    def _listen(self, seconds: float) -> dict[str, Any] | None:
        """The next line of the other process, or none if it ends or takes too long."""
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
