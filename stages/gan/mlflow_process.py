"""The process that talks to MLflow, for the one that works; ``tracking.py`` starts it and says what to do.

It reads messages from its standard input (method, arguments) and writes the answers to those that have one to
its standard output. When the input ends it ends, too; runs that were not finished by then are FAILED, as the
other process was killed.
"""

import gc
import os
import pickle
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing calls out unasked
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's own default waits for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_PROCESS = "process"  # tag: host and id of the process that a run belongs to
_EVERY = 5.0  # seconds between two batches of metrics
_BATCH = 1000  # metrics: MLflow takes no more at once
_ASKED = ("find", "run_id")  # the methods with an answer


class Client:
    """MLflow's client, and the runs that the other process knows by numbers.

    Args:
        uri: the store's address.
        owner: id of the process that the runs belong to.
    """

    def __init__(self, uri: str, owner: int) -> None:
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=uri)
        self._owner = owner
        self._ids: dict[int, str] = {}
        self._running: set[int] = set()
        self._waiting: dict[int, list[Any]] = {}
        self._sent = time.monotonic()

    def start(
        self, number: int, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]
    ) -> None:
        """Create a run."""
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(experiment)
        try:
            experiment_id = found.experiment_id if found else self._client.create_experiment(experiment)
        except MlflowException:  # another process was quicker
            experiment_id = self._client.get_experiment_by_name(experiment).experiment_id
        self._bury(experiment)
        own = {_PROCESS: f"{socket.gethostname()}:{self._owner}"}
        run_id = self._client.create_run(experiment_id, run_name=name, tags={**tags, **own}).info.run_id
        self._ids[number] = run_id
        self._running.add(number)
        self._client.log_batch(run_id, params=[Param(key, value) for key, value in params.items()])

    def find(self, number: int, experiment: str, tag: str, value: str) -> bool:
        """Whether there is a run of the experiment with this tag; the newest has the number from now on."""
        found = self._search(experiment, f"tags.`{tag}` = '{value}'", 1)
        if found:
            self._ids[number] = found[0]
        return bool(found)

    def run_id(self, number: int) -> str:
        """MLflow's name for a run."""
        self.flush()
        return self._ids[number]

    def log_metrics(self, number: int, metrics: Mapping[str, float], time_ms: int, step: int) -> None:
        """Keep numbers until the next batch."""
        from mlflow.entities import Metric

        waiting = self._waiting.setdefault(number, [])
        waiting += [Metric(name, value, time_ms, step) for name, value in metrics.items()]
        if time.monotonic() - self._sent > _EVERY or len(waiting) > _BATCH // 2:
            self.flush()

    def flush(self) -> None:
        """Send the metrics that wait."""
        waiting, self._waiting = self._waiting, {}
        for number, metrics in waiting.items():
            for start in range(0, len(metrics), _BATCH):
                self._client.log_batch(self._ids[number], metrics=metrics[start : start + _BATCH])
        self._sent = time.monotonic()

    def log_image(self, number: int, key: str, image: Any, step: int) -> None:
        """Log a picture."""
        self._client.log_image(self._ids[number], image, key=key, step=step)

    def log_files(self, number: int, folder: str, paths: Sequence[str]) -> None:
        """Log files."""
        for path in paths:
            self._client.log_artifact(self._ids[number], path, folder)

    def log_dataset(self, number: int, name: str, path: str, digest: str) -> None:
        """Log a data set."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(name, digest, source_type="local", source=f'{{"uri": "{path}"}}')
        context = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(self._ids[number], [DatasetInput(dataset, [context])])

    def set_tags(self, number: int, tags: Mapping[str, str]) -> None:
        """Set tags."""
        for key, value in tags.items():
            self._client.set_tag(self._ids[number], key, value)

    def finish(self, number: int, status: str) -> None:
        """End a run."""
        self.flush()
        self._client.set_terminated(self._ids[number], status)
        self._running.discard(number)

    def end(self) -> None:
        """Send what waits; runs that still go on belong to a process that was killed."""
        self.flush()
        for number in sorted(self._running):
            self.finish(number, "FAILED")

    def _bury(self, experiment: str) -> None:
        """Mark runs FAILED that were left RUNNING by processes of this machine that are no more."""
        for run_id in self._search(experiment, "attributes.status = 'RUNNING'", 100):
            host, _, pid = self._client.get_run(run_id).data.tags.get(_PROCESS, "").rpartition(":")
            if host == socket.gethostname() and not _alive(int(pid)):
                self._client.set_terminated(run_id, "FAILED")

    def _search(self, experiment: str, query: str, limit: int) -> list[str]:
        found = self._client.get_experiment_by_name(experiment)
        if not found:
            return []
        order = ["attributes.start_time DESC"]
        runs = self._client.search_runs([found.experiment_id], query, max_results=limit, order_by=order)
        return [run.info.run_id for run in runs]


def serve(uri: str, owner: int, messages: BinaryIO, answers: BinaryIO) -> None:
    """Do what the messages say, until they end; after a failure, nothing any more."""
    client: Client | None = None
    failed = False

    def attempt(method: str, *arguments: Any) -> Any:
        nonlocal client, failed
        if failed:
            return None
        try:
            if client is None:
                client = Client(uri, owner)
            return getattr(client, method)(*arguments)
        except Exception as error:  # MLflow raises many kinds, of its own and of what it stands on
            failed = True
            reason = " ".join(str(error).split())[:200]
            print(f"warning: MLflow at {uri} failed, this run is incomplete there: {reason}", file=sys.stderr)
            return None

    with suppress(Exception):  # now, while the other process is at its own imports; without a store yet
        import mlflow.tracking

        if "://" in uri and not uri.startswith("http"):
            import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
    while True:
        try:
            method, *arguments = pickle.load(messages)
        except (EOFError, pickle.UnpicklingError):  # cut short: the other process was killed
            break
        if method == "remove":  # a folder: all that was to be sent from it is sent, or never will be
            shutil.rmtree(arguments[0], ignore_errors=True)
            continue
        answer = attempt(method, *arguments)
        if method in _ASKED:
            pickle.dump(answer, answers)
            answers.flush()
    if client is not None:
        attempt("end")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the other process says when it is over
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    # By default the collector goes through all modules again and again while they are imported.
    gc.set_threshold(100_000)
    # What MLflow prints is not an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.argv[1], int(sys.argv[2]), sys.stdin.buffer, answers)
    os._exit(0)  # taking all those modules down again would take longer than sending a figure


if __name__ == "__main__":
    _main()
