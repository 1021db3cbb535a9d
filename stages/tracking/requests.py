"""What the process that works asks of the one that talks to MLflow: a line of JSON each."""

import json
from dataclasses import asdict, dataclass
from typing import ClassVar


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


_BY_METHOD = {kind.method: kind for kind in Request.__subclasses__()}


def decode(line: bytes) -> Request:
    """The request in a line."""
    values = json.loads(line)
    return _BY_METHOD[values.pop("method")](**values)
