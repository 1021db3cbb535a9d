"""Messages, the records of what a run logs, in journals and for MLflow; and requests.

The process that does the work sends requests to the process that talks to MLflow.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message.

    Attributes:
        method: the name of its kind in a journal.
        once: the fields that identify a message which a run may log only once: a resumed run logs everything
            again, and duplicates are dropped. None: it may be logged any number of times.
        time: when it was written, in milliseconds since 1970.
        skip_if_found: whether it is left out if the store had the run already.
        files: the names of its files in the journal's folder.
    """

    method: ClassVar[str]
    once: ClassVar[tuple[str, ...] | None] = None

    time: int = 0
    skip_if_found: bool = False
    files: tuple[str, ...] = ()

    @property
    def signature(self) -> tuple[object, ...] | None:
        """Equal for messages of which a run may log only one; None for any number of them."""
        if self.once is None:
            return None
        values = (getattr(self, name) for name in self.once)
        return (self.method, *(tuple(value) if isinstance(value, Mapping) else value for value in values))

    def encode(self) -> bytes:
        """The message as JSON, without values that are the default."""
        default = {f.name: f.default for f in fields(self)}
        values = {key: value for key, value in asdict(self).items() if value != default[key]}
        return json.dumps({"method": self.method, **values}, separators=(",", ":")).encode()


@dataclass(frozen=True, kw_only=True)
class Start(Message):
    """A run begins, or this journal continues a run that began elsewhere.

    Attributes:
        experiment: the MLflow experiment's name.
        name: the run's name.
        key: the key of the journal that begins the run; empty if ``run_id`` is known.
        params: the run's parameters.
        tags: the run's tags.
        if_absent_tag: a tag and its value; if the store has a run with it, that run is taken.
        run_id: the run's id in MLflow, if known.
    """

    method = "start"

    experiment: str = ""
    name: str = ""
    key: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    if_absent_tag: tuple[str, str] | None = None
    run_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Resume(Message):
    """Another process continues the run."""

    method = "resume"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LogMetrics(Message):
    """Metrics, by their names, at a step."""

    method = "log_metrics"
    once = ("step", "metrics")
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class LogImage(Message):
    """A picture at a step; its file contains an array."""

    method = "log_image"
    once = ("key", "step")
    key: str = ""
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class LogFiles(Message):
    """Files, logged as artifacts with these ``names`` to a folder of the run."""

    method = "log_files"
    once = ("folder", "names")
    folder: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LogModel(Message):
    """The generator as the run's model: its file, and an archive of the code that draws samples."""

    method = "log_model"
    once = ()


@dataclass(frozen=True, kw_only=True)
class LogDataset(Message):
    """The data set that the run uses."""

    method = "log_dataset"
    once = ("name",)
    name: str = ""
    path: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class SetTags(Message):
    """Tags of the run."""

    method = "set_tags"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SetExperimentTags(Message):
    """Tags of the run's experiment.

    Attributes:
        experiment_tags: the tags.
        if_absent: whether tags that the experiment has already stay as they are.
    """

    method = "set_experiment_tags"
    experiment_tags: Mapping[str, str] = field(default_factory=dict)
    if_absent: bool = False


@dataclass(frozen=True, kw_only=True)
class SetParent(Message):
    """The run's parent: the newest run of an experiment with this tag and value."""

    method = "set_parent"
    experiment: str = ""
    tag: str = ""
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Finish(Message):
    """The run ends with the status FINISHED, FAILED or KILLED."""

    method = "finish"
    status: str = "FINISHED"


@dataclass(frozen=True, kw_only=True)
class End(Message):
    """The journal ends: its writer has closed it."""

    method = "end"


@dataclass(frozen=True, kw_only=True)
class Damaged(Message):
    """A record that cannot be read."""

    method = "damaged"


_BY_METHOD = {kind.method: kind for kind in Message.__subclasses__()}


def decode(text: bytes) -> Message:
    """The message in a record's JSON; :class:`Damaged` if it is not a message."""
    try:
        values: dict[str, Any] = json.loads(text)
        kind: Any = _BY_METHOD[values.pop("method")]
        known = {f.name for f in fields(kind)} & values.keys()
        lists = {key: tuple(values[key]) for key in known if isinstance(values[key], list)}
        message: Message = kind(**{key: values[key] for key in known} | lists)
        return message
    except (ValueError, KeyError, TypeError, AttributeError):
        return Damaged()


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request; it gets an answer if its ``id`` is above 0."""

    method: ClassVar[str]

    id: int = 0

    def encode(self) -> bytes:
        """The request as a line of JSON."""
        return json.dumps({"method": self.method, **asdict(self)}).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class WatchJournal(Request):
    """Send this journal while it is written."""

    method = "watch_journal"

    journal: str


@dataclass(frozen=True, kw_only=True)
class Close(Request):
    """Send what is left, and end. If ``patient``, continue as long as anything is sent, however slowly."""

    method = "close"

    patient: bool


@dataclass(frozen=True, kw_only=True)
class FindRun(Request):
    """Ask for the id of the newest run of an experiment with a tag; the answer is "" if there is none."""

    method = "find_run"

    experiment: str
    tag: str
    value: str


@dataclass(frozen=True, kw_only=True)
class GetRunId(Request):
    """Ask for the id of a journal's run, after sending what was logged before."""

    method = "get_run_id"

    journal: str


_REQUESTS = {kind.method: kind for kind in Request.__subclasses__()}


def decode_request(line: bytes) -> Request:
    """The request in a line of JSON."""
    values = json.loads(line)
    return _REQUESTS[values.pop("method")](**values)
