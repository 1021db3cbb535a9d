"""A run in MLflow, as a stage's process sees it: what is logged goes to the run's journal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.runtime import files
from stages.tracking import journal, messages
from stages.tracking.messages import GetRunId

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stages.tracking.store import Store


class Run:
    """A run in MLflow.

    Attributes:
        skip_if_found: whether what is logged now is left out if the store had the run before.
    """

    def __init__(self, store: "Store", name: str, first: messages.Start) -> None:
        self._first = replace(first, time=journal.now())
        self._store = store
        self._name = name
        self._journal: journal.Journal | None = None
        self._done: set[tuple[object, ...] | None] = set()
        self.skip_if_found = False

    @property
    def run_id(self) -> str | None:
        """MLflow's name for it, once all before is sent; None if the store fails."""
        if self._first.run_id:
            return self._first.run_id
        return self._store.ask(GetRunId(journal=self._name)) or None

    def flush(self) -> None:
        """Write all that was logged to disk, so that it survives this process and the machine."""
        if self._journal is not None:
            self._journal.flush()

    def open(self, resume: bool, tags: Mapping[str, str]) -> None:
        """Write the journal's first record, or go on with an existing journal."""
        self._journal = journal.Journal(self._store.outbox.folder / self._name, self._first)
        if resume:
            self._done = {message.signature for message in self._journal.found} - {None}
            self._journal.append(messages.Resume(tags=dict(tags)))
        self._store.watch_journal(self._name)

    def close(self) -> None:
        """Write the journal's last record."""
        if self._journal is not None:
            self._journal.close()

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log numbers at a step; they are sent in batches, some seconds apart."""
        self._log(
            messages.LogMetrics(metrics={key: float(value) for key, value in metrics.items()}, step=step)
        )

    def log_image(self, key: str, image: "NDArray[np.uint8]", step: int) -> None:
        """Log a picture, uint8 [height, width, 3], at a step; the UI shows those of a key with a slider."""
        self._log(messages.LogImage(key=key, step=step), [image])

    def log_files(self, folder: str, *paths: Path) -> None:
        """Log files, as they are now, as artifacts in a folder of the run; "" is its top."""
        self._log(messages.LogFiles(folder=folder, names=tuple(path.name for path in paths)), paths)

    def log_model(self, generator: Path, code: Path) -> None:
        """Log a generator file as the run's model, with an archive of the code that draws samples from it."""
        self._log(messages.LogModel(), [generator, code])

    def log_dataset(self, name: str, path: Path) -> None:
        """Log the data set in a file as the run's input; its digest is the file's MD5 sum."""
        self._log(messages.LogDataset(name=name, path=str(path), digest=files.md5(path)))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        self._log(messages.SetTags(tags=strings(tags)))

    def set_experiment_tags(self, tags: Mapping[str, str], if_absent: bool = False) -> None:
        """Set tags of its experiment; an existing description stays, as somebody may have written it.

        With ``if_absent``, all tags that the experiment has already stay.
        """
        self._log(messages.SetExperimentTags(experiment_tags=strings(tags), if_absent=if_absent))

    def set_parent(self, experiment: str, tag: str, value: str) -> None:
        """Make the newest run with a tag the parent of this one; that run may not be sent yet."""
        self._log(messages.SetParent(experiment=experiment, tag=tag, value=value))

    def finish(self, status: str) -> None:
        """End the run: FINISHED, FAILED or KILLED."""
        self._log(messages.Finish(status=status))

    def _log(self, message: messages.Message, attached: "Sequence[Path | NDArray[np.uint8]]" = ()) -> None:
        if self._journal is None:
            self.open(resume=False, tags={})
        assert self._journal is not None
        if message.signature is not None and message.signature in self._done:
            return
        kept = []
        for file in attached:
            if isinstance(file, Path):
                kept.append(self._journal.attach_file(file, self._store.owns(file)))
            else:
                kept.append(self._journal.attach_array(file))
        names = tuple(name for name in kept if name is not None)
        if len(names) == len(attached):
            self._journal.append(replace(message, files=names, skip_if_found=self.skip_if_found))


def strings(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as plain strings: PyTorch's version is a string of a class of its own."""
    return {key: str(value) for key, value in values.items()}
