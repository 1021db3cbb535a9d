"""Runs in MLflow. They mirror what is in files: losing them never costs a training.

MLflow's client takes seconds to import, and a call to its server as long as the server pleases. So another
process does both (see ``mlflow_process.py``), while this one goes on with its work.
"""

import hashlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from shutil import rmtree
from tempfile import mkdtemp
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GENERATOR = "dvc.generator"  # tag: the generator file's MD5 sum, which is its name in dvc.lock
JUDGE = "dvc.judge"  # tag: the same for a judge

_PROGRAM = Path(__file__).with_name("mlflow_process.py")


class Store:
    """An MLflow store: the one that ``MLFLOW_TRACKING_URI`` names, or ``default``.

    Where it fails, one line says so, nothing more is sent, and the work goes on.

    Args:
        default: the address of the store to use where the environment names none.
    """

    def __init__(self, default: str) -> None:
        self._uri = os.environ.get("MLFLOW_TRACKING_URI") or default
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: SimpleQueue[tuple[Any, ...] | None] = SimpleQueue()
        self._writer = Thread(target=self._write, daemon=True)
        self._runs = 0
        self._folders: list[Path] = []

    def open(self) -> None:
        """Start the other process, if it does not run yet; the earlier, the less is waited for it."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_PROGRAM), self._uri, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for this process, which then says how the runs ended
            )
            self._writer.start()

    def close(self) -> None:
        """Wait until everything is sent, and end the other process."""
        if self._process is not None:
            if not self._runs:
                self._process.kill()  # it has nothing to send, and is at its imports still
            self._messages.put(None)
            self._writer.join()
            if self._process.wait() and self._runs:
                print(f"warning: the process that talks to MLflow at {self._uri} died", file=sys.stderr)
        for folder in self._folders:
            rmtree(folder, ignore_errors=True)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for files that are logged within the block; it is removed once they are sent."""
        folder = Path(mkdtemp())
        self._folders.append(folder)
        yield folder
        self.send("remove", str(folder))

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def start(
        self, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> Iterator["Run"]:
        """Start a run; it ends FINISHED, FAILED after an error, or KILLED where a signal ended the block."""
        run = self._run()
        self.send("start", run.number, experiment, name, _strings(tags), _strings(params))
        try:
            yield run
        except BaseException as error:
            ended = isinstance(error, KeyboardInterrupt | SystemExit)  # by the user or the system
            run.finish("KILLED" if ended else "FAILED")
            raise
        run.finish("FINISHED")

    def find(self, experiment: str, tag: str, value: str) -> "Run | None":
        """The newest run of an experiment with this tag, or none.

        Where the store has failed, it is a run that takes everything and keeps nothing.
        """
        run = self._run()
        return None if self.ask("find", run.number, experiment, tag, value) is False else run

    def send(self, method: str, *arguments: Any) -> None:
        """Have the other process call one of its methods, in its turn."""
        self.open()
        self._messages.put((method, *arguments))

    def ask(self, method: str, *arguments: Any) -> Any:
        """The same, and wait for the answer: None where the store has failed."""
        self.send(method, *arguments)
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            return pickle.load(self._process.stdout)
        except EOFError:  # the process is no more
            return None

    def _run(self) -> "Run":
        self._runs += 1
        return Run(self, self._runs)

    def _write(self) -> None:
        assert self._process is not None
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(OSError):  # the process is no more
            while (message := self._messages.get()) is not None:
                pickle.dump(message, pipe)
                pipe.flush()
        with suppress(OSError):
            pipe.close()


class Run:
    """A run in MLflow; nothing is logged where its store has failed.

    Attributes:
        number: what its store's process knows it by.
    """

    def __init__(self, store: Store, number: int) -> None:
        self.number = number
        self._store = store

    @property
    def run_id(self) -> str | None:
        """MLflow's name for it, once all before is sent; none where the store has failed."""
        answer: str | None = self._store.ask("run_id", self.number)
        return answer

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log numbers at a step; they are sent in batches, some seconds apart."""
        self._store.send("log_metrics", self.number, dict(metrics), int(1000 * time.time()), step)

    def log_image(self, key: str, image: "NDArray[np.uint8]", step: int) -> None:
        """Log a picture, uint8 [height, width, 3], at a step; the UI shows those of a key with a slider."""
        self._store.send("log_image", self.number, key, image, step)

    def log_files(self, folder: str, *paths: Path) -> None:
        """Log files as artifacts into a folder of the run; they must stay until the store is closed."""
        self._store.send("log_files", self.number, folder, [str(path) for path in paths])

    def log_dataset(self, name: str, path: Path) -> None:
        """Log the data set in a file as the run's input; its digest is the file's MD5 sum."""
        self._store.send("log_dataset", self.number, name, str(path), md5(path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self._store.send("set_tags", self.number, _strings(tags))

    def finish(self, status: str) -> None:
        """Send what waits and end the run: FINISHED or FAILED."""
        self._store.send("finish", self.number, status)


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    """As plain strings: PyTorch's version is one of its own class, which the other process would import."""
    return {key: str(value) for key, value in values.items()}


def md5(path: Path) -> str:
    """A file's MD5 sum, which is its name in ``dvc.lock``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
