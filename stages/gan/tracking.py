"""Runs in MLflow. They mirror what is in files: losing them never costs a training.

Where the store fails, one line says so, nothing more is sent, and the work goes on.
"""

import hashlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing calls out unasked
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's own default waits for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)

_PROCESS = "process"  # tag: host and id of the process that writes to a run
_EVERY = 5.0  # seconds between two batches of metrics


class Store:
    """An MLflow store: the one that ``MLFLOW_TRACKING_URI`` names, or ``default``.

    Args:
        default: the address of the store to use where the environment names none.
    """

    def __init__(self, default: str) -> None:
        self._uri = os.environ.get("MLFLOW_TRACKING_URI") or default
        self._failed = False
        self._client: Any = None

    @contextmanager
    def start(
        self, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> Iterator["Run"]:
        """Start a run; it ends FINISHED, or FAILED where an exception ends the block."""
        run = Run(self, self.send(lambda client: self._create(client, experiment, name, tags, params)))
        try:
            yield run
        except BaseException:
            run.finish("FAILED")
            raise
        run.finish("FINISHED")

    def find(self, experiment: str, tag: str, value: str) -> "Run | None":
        """The newest run of an experiment with this tag, or none; a failing store finds none."""
        run_id = self.send(lambda client: self._search(client, experiment, f"tags.`{tag}` = '{value}'"))
        return Run(self, run_id[0]) if run_id else None

    def send(self, action: Callable[[Any], Any]) -> Any:
        """Call ``action`` with MLflow's client; after a failure this and all later calls return None."""
        if self._failed:
            return None
        try:
            if self._client is None:
                from mlflow import MlflowClient

                self._client = MlflowClient(tracking_uri=self._uri)
            return action(self._client)
        except Exception as error:  # MLflow raises many kinds, of its own and of what it stands on
            self._failed = True
            reason = " ".join(str(error).split())[:200]
            print(
                f"warning: MLflow at {self._uri} failed, this run is incomplete there: {reason}",
                file=sys.stderr,
            )
            return None

    def _create(
        self, client: Any, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, Any]
    ) -> str:
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(experiment)
        try:
            experiment_id = found.experiment_id if found else client.create_experiment(experiment)
        except MlflowException:  # another process was quicker
            experiment_id = client.get_experiment_by_name(experiment).experiment_id
        self._bury(client, experiment)
        own = {_PROCESS: f"{socket.gethostname()}:{os.getpid()}"}
        run = client.create_run(experiment_id, run_name=name, tags={**tags, **own})
        client.log_batch(run.info.run_id, params=[Param(key, str(value)) for key, value in params.items()])
        return str(run.info.run_id)

    def _bury(self, client: Any, experiment: str) -> None:
        """Mark runs FAILED that were left RUNNING by processes of this machine that are no more."""
        for run_id in self._search(client, experiment, "attributes.status = 'RUNNING'", limit=100):
            host, _, pid = client.get_run(run_id).data.tags.get(_PROCESS, "").rpartition(":")
            if host == socket.gethostname() and not _alive(int(pid)):
                client.set_terminated(run_id, "FAILED")

    def _search(self, client: Any, experiment: str, query: str, limit: int = 1) -> list[str]:
        found = client.get_experiment_by_name(experiment)
        if not found:
            return []
        order = ["attributes.start_time DESC"]
        runs = client.search_runs([found.experiment_id], query, max_results=limit, order_by=order)
        return [run.info.run_id for run in runs]


class Run:
    """A run in MLflow; all methods do nothing where its store has failed."""

    def __init__(self, store: Store, run_id: str | None) -> None:
        self.run_id = run_id
        self._store = store
        self._waiting: list[Any] = []
        self._sent = time.monotonic()

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log numbers at a step; they are sent in batches, some seconds apart and with the next tags."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._waiting += [Metric(name, value, now, step) for name, value in metrics.items()]
        if time.monotonic() - self._sent > _EVERY or len(self._waiting) > 500:
            self.flush()

    def flush(self) -> None:
        """Send the metrics that wait."""
        waiting, self._waiting = self._waiting, []

        def action(client: Any) -> None:
            for start in range(0, len(waiting), 1000):  # MLflow takes no more at once
                client.log_batch(self.run_id, metrics=waiting[start : start + 1000])

        self._send(action)
        self._sent = time.monotonic()

    def log_image(self, key: str, image: NDArray[np.uint8], step: int) -> None:
        """Log a picture, uint8 [height, width, 3], at a step; the UI shows those of a key with a slider."""
        self._send(lambda client: client.log_image(self.run_id, image, key=key, step=step))

    def log_files(self, folder: str, *paths: Path) -> None:
        """Log files as artifacts into a folder of the run."""

        def action(client: Any) -> None:
            for path in paths:
                client.log_artifact(self.run_id, str(path), folder)

        self._send(action)

    def log_dataset(self, name: str, path: Path) -> None:
        """Log the data set in a file as the run's input; its digest is the file's MD5 sum."""

        def action(client: Any) -> None:
            from mlflow.entities import Dataset, DatasetInput, InputTag

            dataset = Dataset(name, md5(path), source_type="local", source=f'{{"uri": "{path}"}}')
            client.log_inputs(
                self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
            )

        self._send(action)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""

        def action(client: Any) -> None:
            for key, value in tags.items():
                client.set_tag(self.run_id, key, value)

        self._send(action)

    def finish(self, status: str) -> None:
        """Send what waits and end the run: FINISHED or FAILED."""
        self.flush()
        self._send(lambda client: client.set_terminated(self.run_id, status))

    def _send(self, action: Callable[[Any], Any]) -> None:
        if self.run_id is not None:
            self._store.send(action)


def md5(path: Path) -> str:
    """A file's MD5 sum, which is its name in ``dvc.lock``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
