"""Runs in MLflow. They mirror what is in files: losing them never costs a training.

What is logged goes to journals on disk (see ``journal.py``). MLflow's client takes seconds to import, and a
call to its server as long as the server pleases. So another process does both (see ``mlflow_process.py``): it
sends what the journals hold, while this one goes on with its work; what it cannot send waits for the next.
"""

import hashlib
import json
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from stages.gan import address, journal
from stages.gan.errors import tell
from stages.gan.outbox import Outbox, unsent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GENERATOR = "dvc.generator"  # tag: the generator file's MD5 sum, which is its name in dvc.lock
JUDGE = "dvc.judge"  # tag: the same for a judge
KEY = "outbox"  # tag: the name of the journal that made the run
PROCESS = "process"  # tag: host and id of the process that a run belongs to

_ROOT = Path(__file__).parents[2]
_PATIENCE = 20.0  # seconds for an answer; a store that fails is known by then
_STARTING = 60.0  # seconds for the other process to import MLflow, on a machine that does much else
_STUCK = 12.0  # seconds without a sign of life at the end, after which the rest waits
_END = 60.0  # seconds that the end may take in all; what others left may be much


class Store:
    """An MLflow store: the one that ``MLFLOW_TRACKING_URI`` names, or ``default``.

    Where it fails, one line says so, what is logged waits in the outbox, and the work goes on.

    Args:
        default: the address of the store to use where the environment names none.
        outbox: the folder for what waits.
        patient: whether to wait until all is sent, as long as that goes on, and not just for a while.

    Raises:
        UserError: the address cannot be one.
    """

    def __init__(self, default: str, outbox: Path, patient: bool = False) -> None:
        self._patient = patient
        self._uri = os.environ.get("MLFLOW_TRACKING_URI") or default
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
                [sys.executable, "-P", "-m", "stages.gan.mlflow_process", str(self.outbox.root)],
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
            if not any(map(unsent, self.outbox.journals())):
                self._process.kill()  # it has nothing to send, and is at its imports still
            self._tell(method=journal.END, patient=self._patient)
            with suppress(OSError):
                assert self._process.stdin is not None
                self._process.stdin.close()
            patience = _STUCK if self._ready else _STARTING
            end = math.inf if self._patient else time.monotonic() + _END
            while (line := self._listen(min(patience, end - time.monotonic()))) is not None:
                patience = max(_STUCK, line.get("life", 0.0))
            if self._process.poll() is None:
                self._process.kill()  # stuck within a call; the next process repeats it
            self._process.wait()
        self.outbox.sweep()
        messages, runs = self.outbox.waiting()
        if messages:
            which = f"{messages} message{'s'[: messages > 1]} of {runs} run{'s'[: runs > 1]}"
            tell(f"MLflow: {which} wait in {self.outbox.root}; `make sync` sends them")

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
        unless: tuple[str, str] | None = None,
    ) -> Iterator["Run"]:
        """Start a run; it ends FINISHED, KILLED by a signal, or FAILED by another exception.

        Args:
            experiment: the MLflow experiment's name.
            name: the run's name.
            tags: its tags.
            params: its parameters.
            key: from :meth:`new_key`. If a process that was killed had begun a run with it, that goes on,
                and keeps what it has where the same is logged anew.
            unless: a tag and its value. If the store turns out to have a run with it, that is the run, and
                what the block logs is not sent: it has it already.
        """
        resume, key = key is not None, key or self.new_key()
        own = {PROCESS: f"{socket.gethostname()}:{os.getpid()}"}
        first = {"experiment": experiment, "name": name, "key": key, "params": _strings(params)}
        tags = {**_strings(tags), KEY: key, **own}
        run = Run(self, key, {**first, "tags": tags, "unless": unless})
        self._runs[key] = run
        run.open(resume, tags)
        run.conditional = unless is not None
        try:
            yield run
        except (KeyboardInterrupt, SystemExit):
            run.finish("KILLED")
            raise
        except BaseException:
            run.finish("FAILED")
            raise
        run.finish("FINISHED")
        run.conditional = False

    def new_key(self) -> str:
        """A name for a run, by which another process can go on with it; see :meth:`start`."""
        return self.outbox.new()

    def find(self, experiment: str, tag: str, value: str) -> "Run | None":
        """The newest run of an experiment with this tag, sent or not.

        None, too, where the store cannot be asked and the outbox has none: see ``unless`` of :meth:`start`.
        """
        if key := self.outbox.find(experiment, tag, value):
            if key not in self._runs:
                # The journal that begins the run may find that the store has it by another key.
                first = {"experiment": experiment, "key": key, "unless": (tag, value)}
                self._runs[key] = Run(self, self.outbox.new(), first)
            return self._runs[key]
        run_id = self.ask("find", experiment=experiment, tag=tag, value=value)
        if not run_id:
            return None
        if run_id not in self._runs:
            first = {"experiment": experiment, "key": "", "run_id": run_id}
            self._runs[run_id] = Run(self, self.outbox.new(), first)
        return self._runs[run_id]

    def ask(self, method: str, **arguments: Any) -> Any:
        """Have the other process answer a question: None where the store fails."""
        self.open()
        self._questions += 1
        self._tell(id=self._questions, method=method, **arguments)
        # Where the last question had no answer in time, it is at that still.
        end = time.monotonic() + (_PATIENCE if self._answered else 0.0)
        self._answered = False
        while (line := self._listen(end - time.monotonic())) is not None:
            self._answered = self._answered or "id" in line
            if line.get("id") == self._questions:
                return line["answer"]
        return None

    def mind(self, name: str) -> None:
        """Have the other process send a journal while it is written."""
        self.open()
        self._tell(method="mind", journal=name)

    def owns(self, path: Path) -> bool:
        """Whether a file lies in a folder of this store, so that nobody else writes to it."""
        return path.parent in self._folders

    def _tell(self, **message: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # the process is no more
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
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
        return answer


class Run:
    """A run in MLflow.

    Attributes:
        conditional: what is logged now is not sent if the store had the run before.
    """

    def __init__(self, store: Store, name: str, first: Mapping[str, Any]) -> None:
        nothing: dict[str, Any] = {"name": "", "tags": {}, "params": {}, "unless": None, "run_id": ""}
        self._first = {"method": "start", "time": journal.now(), **nothing, **first}
        self._store = store
        self._name = name
        self._journal: journal.Journal | None = None
        self._done: set[object] = set()
        self.conditional = False

    @property
    def run_id(self) -> str | None:
        """MLflow's name for it, once all before is sent; none where the store fails."""
        if self._first["run_id"]:
            return str(self._first["run_id"])
        return self._store.ask("run_id", journal=self._name) or None

    def flush(self) -> None:
        """Have all that was logged on disk, whatever happens to this process or the machine."""
        if self._journal is not None:
            self._journal.flush()

    def open(self, resume: bool, tags: Mapping[str, str]) -> None:
        """Write the journal's first record, or go on with a journal that is there."""
        self._journal = journal.Journal(self._store.outbox.folder / self._name, self._first)
        if resume:
            self._done = {_signature(record) for record in self._journal.found} - {None}
            self._journal.append("resume", tags=dict(tags))
        self._store.mind(self._name)

    def close(self) -> None:
        """Write the journal's last record."""
        if self._journal is not None:
            self._journal.close()

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log numbers at a step; they are sent in batches, some seconds apart."""
        self._log("log_metrics", metrics={key: float(value) for key, value in metrics.items()}, step=step)

    def log_image(self, key: str, image: "NDArray[np.uint8]", step: int) -> None:
        """Log a picture, uint8 [height, width, 3], at a step; the UI shows those of a key with a slider."""
        self._log("log_image", [image], key=key, step=step)

    def log_files(self, folder: str, *paths: Path) -> None:
        """Log files, as they are now, as artifacts into a folder of the run, or "" for none."""
        self._log("log_files", list(paths), folder=folder, names=[path.name for path in paths])

    def log_model(self, generator: Path, code: Sequence[Path]) -> None:
        """Log the generator in a file as the run's model, with the files of the modules that draw from it."""
        self._log("log_model", [generator, *code])

    def log_dataset(self, name: str, path: Path) -> None:
        """Log the data set in a file as the run's input; its digest is the file's MD5 sum."""
        self._log("log_dataset", name=name, path=str(path), digest=md5(path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self._log("set_tags", tags=_strings(tags))

    def set_experiment_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags of its experiment; a description that this has already stays, as somebody's words."""
        self._log("set_experiment_tags", experiment_tags=_strings(tags))

    def set_parent(self, experiment: str, tag: str, value: str) -> None:
        """Make the newest run with a tag the parent of this one; it may wait to be sent still."""
        self._log("set_parent", experiment=experiment, tag=tag, value=value)

    def finish(self, status: str) -> None:
        """End the run: FINISHED, FAILED or KILLED."""
        self._log("finish", status=status)

    def _log(self, method: str, files: "list[Any] | None" = None, **arguments: Any) -> None:
        if self._journal is None:
            self.open(resume=False, tags={})
        assert self._journal is not None
        if self._done and _signature({"method": method, **arguments}) in self._done:
            return
        if self.conditional:
            arguments["conditional"] = True
        if files is not None:
            kept = []
            for file in files:
                if isinstance(file, Path):
                    kept.append(self._journal.attach_file(file, self._store.owns(file)))
                else:
                    kept.append(self._journal.attach_array(file))
            arguments["files"] = [name for name in kept if name is not None]
            if len(arguments["files"]) < len(files):
                return
        self._journal.append(method, **arguments)


def _signature(record: Mapping[str, Any]) -> object:
    """What a training logs once and no more: a resumed one logs again what the killed one had logged."""
    names = record.get("metrics") or record.get("names") or ()
    place = (record.get("key"), record.get("folder"), record.get("step"), record.get("name"))
    known = record["method"] in ("log_metrics", "log_image", "log_files", "log_model", "log_dataset")
    return (record["method"], *place, *names) if known else None


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    """As plain strings: PyTorch's version is one of its own class."""
    return {key: str(value) for key, value in values.items()}


def md5(path: Path) -> str:
    """A file's MD5 sum, which is its name in ``dvc.lock``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
