"""Sending a journal to MLflow, in order, with each message taking effect once.

A message is only noted as sent afterwards, so it may be sent twice if this process or the server dies in
between. So sending a message again must change nothing. Runs have a key, and are searched for before one is
made. MLflow drops a metric that it has (same key, step, time and value). Names of pictures and files depend
only on their content or place. A run has one model. All else sets values, which can be set again.
"""

import math
import os
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

from stages.runtime.errors import UserError
from stages.tracking import connection, database, journal, messages, models, outbox, relocation
from stages.tracking.address import is_server
from stages.tracking.pages import (
    DIFFERING,
    EXPERIMENT_ID,
    NOTE,
    ORIGIN,
    RUN_ID,
    TRAININGS,
    origin,
    told_apart,
    with_columns,
)
from stages.tracking.tags import CONDITION, FORMER, KEY, NAME, PROCESS, SEED

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

_BATCH = 1000  # MLflow takes at most so many metrics at once
_WHOLE, _SMALL = ".png", "+compressed.webp"  # the names of a picture's two files end so
_COMPARED = 200  # runs whose parameters are compared, at most
# BAD_REQUEST is not one: MLflow uses it for most errors of its database, such as two equal inserts at once.
_REFUSALS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE")
_HTTP_REFUSALS = (413, 415)  # for artifacts: too large, or of an unsupported kind


class NotYetError(Exception):
    """The message refers to a run that is not in the store yet, but waits in the outbox."""


class RefusedError(Exception):
    """The store will never take this message."""


class DeletedError(Exception):
    """The run was deleted in the store, but is resumed."""


class UnfitError(Exception):
    """The store cannot take a new run until somebody repairs it."""


class Sender:
    """Sends journals to a store.

    Attributes:
        count: number of messages sent.

    Args:
        uri: the store's address.
        box: the store's outbox.
        sign: called before each message with the seconds that it may take, 0 for a short time.
        warn: called with a line for each run of which messages are left out.
    """

    def __init__(
        self, uri: str, box: outbox.Outbox, sign: Callable[[float], None], warn: Callable[[str], None]
    ) -> None:
        self.count = 0
        self._remote = is_server(uri)
        self._local = database.of(uri)
        self._client, self._lost = connection.connect(uri)
        self._box = box
        self._sign = sign
        self._warn = warn
        self._refused: set[str] = set()
        self._sent: dict[str, outbox.Sent] = {}  # also what a full disk has kept from being noted
        # The values of metrics by step, by run and metric.
        self._points: dict[tuple[str, str], dict[int, set[float | None]]] = {}

    def send(self, folder: Path) -> None:
        """Send what a journal contains by now.

        Raises:
            NotYetError: the journal that begins the run must be sent first.
            UnfitError: the store cannot take a new run.
            Exception: any error of MLflow's.
        """
        sent = outbox.load(folder)
        if (ours := self._sent.get(folder.name, sent)).offset > sent.offset:
            sent = ours
        self._sent[folder.name] = sent
        for batch, end in _batches(journal.read(folder, sent.offset)):
            self._sign(_seconds(folder, batch[0]))
            try:
                with self._refusals():
                    self._do(folder, batch, sent)
            except DeletedError:
                self._sent[folder.name] = outbox.Sent()
                outbox.save(folder, outbox.Sent())
                self.send(folder)  # again from the start, to a new run
                return
            except RefusedError as error:
                if isinstance(batch[0], messages.Start) and sent.created and not sent.run_id:
                    raise UnfitError(f"it refuses a new run: {error}") from error  # so nothing can be sent
                if folder.name not in self._refused:  # one line for a run, not one for each of its points
                    self._warn(f"MLflow refused {batch[0].method}, it is left out: {error}")
                self._refused.add(folder.name)
            self.count += len(batch)
            sent.offset = end
            outbox.save(folder, sent)
            for message in batch:
                for name in message.files:
                    rmtree((folder / name).parent, ignore_errors=True)

    def find(self, experiment: str, tag: str, value: str) -> str:
        """The id of the newest run of an experiment with this tag and value; "" if there is none."""
        found = self._search(experiment, f"tags.`{tag}` = '{value}'")
        return str(found[0].info.run_id) if found else ""

    def run_id(self, name: str) -> str:
        """The id of the run of a journal that was sent; "" if it was not."""
        return self._sent[name].run_id if name in self._sent else ""

    def _do(self, folder: Path, batch: Sequence[messages.Message], sent: outbox.Sent) -> None:
        """Send a batch: one message, or several with metrics."""
        first = batch[0]
        if isinstance(first, messages.End | messages.Damaged):
            return
        if isinstance(first, messages.Start):
            self._start(folder, first, sent)
            return
        if not sent.run_id:
            raise RefusedError("the store has no such run")
        if first.skip_if_found and not sent.created:
            return
        match first:
            case messages.LogMetrics():
                self._log_metrics(
                    folder, [m for m in batch if isinstance(m, messages.LogMetrics)], sent.run_id
                )
            case messages.Resume():
                self._resume(first, sent.run_id)
            case messages.LogImage():
                self._log_image(folder, first, sent.run_id)
            case messages.LogFiles():
                self._log_files(folder, first, sent.run_id)
            case messages.LogModel():
                self._log_model(folder, first, sent.run_id)
            case messages.LogDataset():
                self._log_dataset(first, sent.run_id)
            case messages.SetTags():
                self._set_tags(first.tags, sent.run_id)
            case messages.SetExperimentTags():
                self._set_experiment_tags(first, sent.run_id)
            case messages.SetParent():
                self._set_parent(folder, first, sent.run_id)
            case messages.Finish():
                self._finish(first, sent.run_id)

    def _start(self, folder: Path, message: messages.Start, sent: outbox.Sent) -> None:
        """Find the run, or create it, and set its parameters."""
        from mlflow.entities import Param

        experiment, key = message.experiment, message.key
        if lost := self._lost.get(experiment):
            raise UnfitError(lost)
        own = not message.run_id and key == folder.name
        run_id = message.run_id or self.find(experiment, KEY, key) or self.find(experiment, FORMER[KEY], key)
        sent.created, sent.found = own, bool(run_id)
        if not run_id and not own:
            self._wait_for(folder, key)
        if not run_id and message.if_absent_tag:
            run_id = self.find(experiment, *message.if_absent_tag)
            sent.created = own and not run_id
        if not run_id and not own:
            raise RefusedError("the store has no such run")
        if not run_id:
            experiment_id = self._experiment(experiment)
            self._mark_killed(experiment)
            made = self._client.create_run(
                experiment_id, start_time=message.time, run_name=message.name, tags=_renamed(message.tags)
            )
            if not (run_id := made.info.run_id):
                raise UnfitError("it answers nothing")
            if self._local:
                relocation.bring_home(self._local)  # also for an experiment that MLflow has just made
        sent.run_id = run_id
        if sent.created and message.params:
            self._client.log_batch(run_id, params=[Param(*param) for param in message.params.items()])
        if sent.created:
            self._set_name(run_id, message.name)

    def _resume(self, message: messages.Resume, run_id: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            deleted = self._client.get_run(run_id).info.lifecycle_stage == "deleted"
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            deleted = True  # permanently
        if deleted:
            raise DeletedError
        self._set_tags(message.tags, run_id)  # before the status: they name the process of a RUNNING run
        self._client.update_run(run_id, status="RUNNING")

    def _log_metrics(self, folder: Path, batch: Sequence[messages.LogMetrics], run_id: str) -> None:
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, message.time, message.step)
            for message in batch
            for name, value in message.metrics.items()
        ]
        sent = self._sent[folder.name]
        if sent.found or not sent.created:
            metrics = [metric for metric in metrics if not self._has(run_id, metric, sent.created)]
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + _BATCH])

    def _log_image(self, folder: Path, message: messages.LogImage, run_id: str) -> None:
        """Like MLflow's own ``log_image``, which would give the picture another name at each call."""
        file = folder / message.files[0]
        if not file.exists():  # it was sent, but this was not noted
            return
        begin = f"{message.key.replace('/', '~')}+step+{message.step}+"
        there = self._images(run_id, begin) if self._sent[folder.name].found else []
        if len(there) < 2:
            own = uuid.uuid5(uuid.NAMESPACE_URL, f"{folder.name}/{message.key}/{message.step}")
            stem = f"{begin}timestamp+{message.time}+{own}"
            if there:  # one of the two was sent, perhaps by an earlier journal
                stem = there[0].removesuffix(_SMALL).removesuffix(_WHOLE)
            self._send_image(file, stem, run_id)
        self._client.set_tag(run_id, "mlflow.loggedImages", "True")

    def _send_image(self, file: Path, stem: str, run_id: str) -> None:
        """Send a picture as MLflow has it: as it is, and small."""
        import numpy as np
        from mlflow.tracking.multimedia import compress_image_size
        from PIL import Image

        try:
            image = Image.fromarray(np.load(file))
        except (OSError, ValueError, EOFError, TypeError) as error:
            raise RefusedError(f"{file} is damaged") from error
        with tempfile.TemporaryDirectory() as made:
            whole, small = Path(made, stem + _WHOLE), Path(made, stem + _SMALL)
            image.save(whole)
            compress_image_size(image).save(small)
            for path in (whole, small):
                self._client.log_artifact(run_id, str(path), "images")

    def _log_files(self, folder: Path, message: messages.LogFiles, run_id: str) -> None:
        for name in message.files:
            file = folder / name
            if not file.exists():  # as above
                continue
            if not os.access(file, os.R_OK):
                raise RefusedError(f"{file} cannot be read")
            self._client.log_artifact(run_id, str(file), message.folder or None)

    def _log_model(self, folder: Path, message: messages.LogModel, run_id: str) -> None:
        generator, code = (folder / name for name in message.files)
        if not (generator.exists() and code.exists()):  # as above
            return
        try:
            models.log(self._client, run_id, generator, code)
        except UserError as error:
            raise RefusedError(str(error)) from error

    def _log_dataset(self, message: messages.LogDataset, run_id: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        context = InputTag("mlflow.data.context", "training")
        source = f'{{"uri": "{message.path}"}}'
        dataset = Dataset(message.name, message.digest, source_type="local", source=source)
        self._client.log_inputs(run_id, [DatasetInput(dataset, [context])])

    def _set_tags(self, tags: Mapping[str, str], run_id: str) -> None:
        for key, value in _renamed(tags).items():
            if key == NAME:
                self._set_name(run_id, value)
                continue
            if ORIGIN in value:
                value = value.replace(ORIGIN, origin(self._client.get_run(run_id).data.tags))
            self._client.set_tag(run_id, key, value.replace(RUN_ID, run_id))

    def _set_name(self, run_id: str, name: str) -> None:
        """Name a run; the name has the parameters that differ from those of the first run.

        For a training or a parent, that is the first one of its kind in the experiment; for another run, the
        first one of that name.
        """
        run = self._client.get_run(run_id)
        sign = '"' if "'" in name else "'"
        kind = next((tag for tag in (SEED, CONDITION) if tag in run.data.tags), None)
        alike = f"tags.`{kind}` != ''" if kind else f"attributes.run_name = {sign}{name}{sign}"
        first = self._client.search_runs(
            [run.info.experiment_id],
            alike,
            max_results=1,
            order_by=["attributes.start_time ASC"],
        )
        if first and first[0].info.run_id != run_id and first[0].data.params:
            name = told_apart(name, run.data.tags, run.data.params, first[0].data.params)
        if name != run.info.run_name:
            self._client.set_tag(run_id, NAME, name)

    def _set_experiment_tags(self, message: messages.SetExperimentTags, run_id: str) -> None:
        experiment = self._client.get_experiment(self._client.get_run(run_id).info.experiment_id)
        for key, value in message.experiment_tags.items():
            if experiment.tags.get(key) and (message.if_absent or key == NOTE):
                continue
            text = value.replace(EXPERIMENT_ID, experiment.experiment_id)
            if DIFFERING in text:
                text = with_columns(text, self._differing(experiment.experiment_id))
            self._client.set_experiment_tag(experiment.experiment_id, key, text)

    def _differing(self, experiment_id: str) -> list[str]:
        """The parameters in which the newest trainings of an experiment differ, sorted by name."""
        order = ["attributes.start_time DESC"]
        runs = self._client.search_runs([experiment_id], TRAININGS, max_results=_COMPARED, order_by=order)
        names = sorted({name for run in runs for name in run.data.params})
        return [name for name in names if len({run.data.params.get(name) for run in runs}) > 1]

    def _set_parent(self, folder: Path, message: messages.SetParent, run_id: str) -> None:
        parent = self.find(message.experiment, message.tag, message.value)
        if not parent:
            key = self._box.find(message.experiment, message.tag, message.value)
            self._wait_for(folder, key)
            raise RefusedError("its parent is not there")
        self._client.set_tag(run_id, "mlflow.parentRunId", parent)

    def _finish(self, message: messages.Finish, run_id: str) -> None:
        self._client.set_terminated(run_id, message.status, message.time)
        self._remove_duplicates(run_id)

    def _remove_duplicates(self, run_id: str) -> None:
        """Delete runs with the same key: a server that did not answer in time may have made one."""
        run = self._client.get_run(run_id)
        query = f"tags.`{KEY}` = '{run.data.tags.get(KEY, 'none')}'"
        for duplicate in self._client.search_runs([run.info.experiment_id], query, max_results=10):
            if duplicate.info.run_id != run_id:
                self._client.delete_run(duplicate.info.run_id)

    def _wait_for(self, folder: Path, key: str | None) -> None:
        """Raise :class:`NotYetError` if the journal ``key``, which begins the run, is not being sent yet."""
        waits = key and key != folder.name and (self._box.folder / key).exists()
        if waits and not outbox.load(self._box.folder / str(key)).offset:
            raise NotYetError(f"run {key} comes first")

    def _has(self, run_id: str, metric: "Metric", own: bool) -> bool:
        """Whether a run has a metric's value at this step; if the run is not our own, only the same value."""
        place = (run_id, metric.key)
        if place not in self._points:
            history = self._client.get_metric_history(run_id, metric.key)
            self._points[place] = {}
            for point in history:
                self._points[place].setdefault(point.step, set()).add(_as_stored(point.value))
        values = self._points[place].get(metric.step, set())
        return bool(values) if own else _as_stored(metric.value) in values

    def _images(self, run_id: str, begin: str) -> list[str]:
        """The names of a run's pictures that begin so."""
        names = (Path(file.path).name for file in self._client.list_artifacts(run_id, "images"))
        return [name for name in names if name.startswith(begin)]

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found and found.lifecycle_stage == "deleted":
            raise UnfitError(f"its experiment {name} is deleted; restore it there, or delete it permanently")
        try:
            made = found.experiment_id if found else self._client.create_experiment(name)
        except MlflowException:  # another process may have just made it
            if not (found := self._client.get_experiment_by_name(name)):
                raise
            made = found.experiment_id
        if not made:
            raise UnfitError("it answers nothing")
        return str(made)

    def _mark_killed(self, experiment: str) -> None:
        """Mark runs as KILLED that are RUNNING, but whose process on this machine has ended."""
        for run in self._search(experiment, "attributes.status = 'RUNNING'", 100):
            if _belongs_to_the_dead(run.data.tags):
                self._client.set_terminated(run.info.run_id, "KILLED")

    def _search(self, experiment: str, query: str, limit: int = 1) -> "list[Run]":
        found = self._client.get_experiment_by_name(experiment)
        if not found:
            return []
        order = ["attributes.start_time DESC"]
        return list(self._client.search_runs([found.experiment_id], query, max_results=limit, order_by=order))

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Raise :class:`RefusedError` for what the store will never take; other failures may pass."""
        from mlflow.exceptions import MlflowException, RestException
        from requests import HTTPError

        try:
            yield
        except HTTPError as error:  # from uploading artifacts
            if error.response is not None and error.response.status_code in _HTTP_REFUSALS:
                raise RefusedError(" ".join(str(error).split())[:200]) from error
            raise
        except MlflowException as error:
            says_mlflow = isinstance(error, RestException) or not self._remote  # not a proxy in front of it
            if says_mlflow and error.error_code in _REFUSALS:
                raise RefusedError(" ".join(str(error).split())[:200]) from error
            raise


def _batches(found: Iterator[tuple[messages.Message, int]]) -> Iterator[tuple[list[messages.Message], int]]:
    """Yield the messages in order, each with the offset of its end; successive metrics form one batch."""
    batch: list[messages.Message] = []
    end = count = 0
    for message, after in found:
        metrics = len(message.metrics) if isinstance(message, messages.LogMetrics) else 0
        joined = (
            batch and isinstance(batch[0], messages.LogMetrics) and isinstance(message, messages.LogMetrics)
        )
        same = joined and message.skip_if_found == batch[0].skip_if_found
        if batch and not (same and count + metrics <= _BATCH):
            yield batch, end
            batch, count = [], 0
        batch.append(message)
        end, count = after, count + metrics
    if batch:
        yield batch, end


def _renamed(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags with their current names: the journal may be from an earlier version."""
    now = {former: name for name, former in FORMER.items()}
    return {now.get(key, key): value for key, value in tags.items()}


def _seconds(folder: Path, message: messages.Message) -> float:
    """How many seconds sending may take: long for files, 0 (a short time) for all else."""
    if not isinstance(message, messages.LogFiles | messages.LogModel):
        return 0.0
    files = [folder / name for name in message.files]
    return 60.0 + sum(file.stat().st_size for file in files if file.exists()) / 1e6  # assuming 1 MB/s


def _as_stored(value: float) -> float | None:
    """A value as databases store it: infinity as the greatest number, NaN as None."""
    return None if math.isnan(value) else max(-sys.float_info.max, min(sys.float_info.max, value))


def _belongs_to_the_dead(tags: Mapping[str, str]) -> bool:
    """Whether a run with these tags belongs to a process on this machine that has ended."""
    host, _, pid = tags.get(PROCESS, tags.get(FORMER[PROCESS], "")).rpartition(":")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
