"""Messages: what is logged of a run, as journals keep it and as it is sent to MLflow; and requests.

A request is what the process that works asks of the one that talks to MLflow.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message.

    Attributes:
        method: names its kind in a journal.
        once: the fields by which a run logs it once and no more, if it does; a resumed run logs all anew.
        time: of the day when it was written, in milliseconds since 1970.
        skip_if_found: whether it is left out where the store had the run already.
        files: the names, in the journal's folder, of the files that it speaks of.
    """

    method: ClassVar[str]
    once: ClassVar[tuple[str, ...] | None] = None

    time: int = 0
    skip_if_found: bool = False
    files: tuple[str, ...] = ()

    @property
    def signature(self) -> tuple[object, ...] | None:
        """The same for all messages of which a run logs one; None: it may log any number."""
        if self.once is None:
            return None
        values = (getattr(self, name) for name in self.once)
        return (self.method, *(tuple(value) if isinstance(value, Mapping) else value for value in values))

    def encode(self) -> bytes:
        """As JSON; what is as by default is left out."""
        default = {f.name: f.default for f in fields(self)}
        values = {key: value for key, value in asdict(self).items() if value != default[key]}
        return json.dumps({"method": self.method, **values}, separators=(",", ":")).encode()


@dataclass(frozen=True, kw_only=True)
class Start(Message):
    """A run begins, or one is gone on with that began elsewhere.

    Attributes:
        experiment: the MLflow experiment's name.
        name: the run's name.
        key: that of the journal that begins the run; empty where ``run_id`` is known.
        params: its parameters.
        tags: its tags.
        if_absent_tag: a tag and its value: if the store has a run with it, that is the run.
        run_id: MLflow's name for it, if known.
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
    """Another process goes on with the run."""

    method = "resume"
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LogMetrics(Message):
    """Numbers at a step."""

    method = "log_metrics"
    once = ("step", "metrics")
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class LogImage(Message):
    """A picture, in a file with an array, at a step."""

    method = "log_image"
    once = ("key", "step")
    key: str = ""
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class LogFiles(Message):
    """Files, as artifacts into a folder of the run; ``names`` are their own."""

    method = "log_files"
    once = ("folder", "names")
    folder: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LogModel(Message):
    """The generator, as the run's model: its file, and an archive of the code that draws from it."""

    method = "log_model"
    once = ()


@dataclass(frozen=True, kw_only=True)
class LogDataset(Message):
    """The data set that the run was given."""

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
    """The newest run of an experiment with a tag is the parent of this one."""

    method = "set_parent"
    experiment: str = ""
    tag: str = ""
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Finish(Message):
    """The run ends: FINISHED, FAILED or KILLED."""

    method = "finish"
    status: str = "FINISHED"


@dataclass(frozen=True, kw_only=True)
class End(Message):
    """The journal ends: its writer said goodbye."""

    method = "end"


@dataclass(frozen=True, kw_only=True)
class Damaged(Message):
    """What was here cannot be read."""

    method = "damaged"


_BY_METHOD = {kind.method: kind for kind in Message.__subclasses__()}


def decode(text: bytes) -> Message:
    """The message in a text; :class:`Damaged` where there is none."""
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
    """A request; with an ``id`` above 0, it is answered."""

    method: ClassVar[str]

    id: int = 0

    def encode(self) -> bytes:
        """As a line of JSON."""
        return json.dumps({"method": self.method, **asdict(self)}).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class WatchJournal(Request):
    """Send this journal while it is written."""

    method = "watch_journal"

    journal: str


@dataclass(frozen=True, kw_only=True)
class Close(Request):
    """Send what is left, and end; ``patient``: go on as long as anything is sent, however slowly."""

    method = "close"

    patient: bool


@dataclass(frozen=True, kw_only=True)
class FindRun(Request):
    """MLflow's name for the newest run of an experiment with a tag; empty if there is none."""

    method = "find_run"

    experiment: str
    tag: str
    value: str


@dataclass(frozen=True, kw_only=True)
class GetRunId(Request):
    """MLflow's name for the run of a journal, once all before is sent."""

    method = "get_run_id"

    journal: str


_REQUESTS = {kind.method: kind for kind in Request.__subclasses__()}


def decode_request(line: bytes) -> Request:
    """The request in a line."""
    values = json.loads(line)
    return _REQUESTS[values.pop("method")](**values)
