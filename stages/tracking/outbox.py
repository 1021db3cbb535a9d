"""The outbox: the journals that wait to be sent to one MLflow store, oldest first."""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from stages.tracking import journal
from stages.tracking.address import public
from stages.tracking.messages import End, Finish, Resume, SetTags, Start

_LEFT = 24 * 3600  # seconds after which temporary folders are left-overs
_KEPT = 30 * _LEFT  # seconds for which the journal of a killed run is kept, as the run may be resumed


@dataclass
class Sent:
    """How far a journal is sent.

    Attributes:
        offset: the end of the last record that was sent, in bytes.
        run_id: the run's id in MLflow; empty before it is known.
        created: whether the run belongs to this journal, not to another one.
        found: whether the store had the run already when sending began.
    """

    offset: int = 0
    run_id: str = ""
    created: bool = False
    found: bool = False


class Outbox:
    """The journals for one store.

    Args:
        folder: the folder with the outboxes of all stores.
        uri: the store's address.

    Attributes:
        root: the folder with the outboxes of all stores.
        folder: the folder of this one.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self.root = folder
        self.folder = folder.absolute() / hashlib.sha256(public(uri).encode()).hexdigest()[:16]
        self._uri = uri

    def new(self) -> str:
        """A name for a new journal, which sorts after all others."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".store").write_text(public(self._uri) + "\n")
        return f"{time.time_ns()}-{uuid.uuid4().hex}"

    def journals(self) -> list[Path]:
        """The folders of the journals, oldest first."""
        with suppress(OSError):
            return sorted(path for path in self.folder.iterdir() if path.name[0] != ".")
        return []

    def waiting(self) -> tuple[int, int]:
        """The number of messages that wait, and of their journals, without those of living processes."""
        left = [unsent(path) for path in self.journals() if not journal.is_written(path)]
        return sum(left), sum(map(bool, left))

    def purge(self) -> None:
        """Remove journals that are sent completely, and left-overs of killed processes."""
        for path in self.journals():
            if not journal.is_written(path):
                clear(path)
        with suppress(OSError):
            for path in self.folder.glob(".*/"):
                if time.time() - path.stat().st_mtime > _LEFT:
                    shutil.rmtree(path, ignore_errors=True)

    def others(self) -> Iterator[tuple[str, int]]:
        """Yield the addresses of other stores with messages that wait, and the number of these."""
        for file in sorted(self.root.glob("*/.store")):
            if file.parent.name != self.folder.name:
                count = sum(unsent(path) for path in file.parent.iterdir() if path.is_dir())
                if count:
                    yield file.read_text().strip(), count

    def find(self, experiment: str, tag: str, value: str) -> str | None:
        """The key of the newest run of an experiment with this tag and value that is not sent completely."""
        for path in reversed(self.journals()):
            if not unsent(path):  # the store knows its tags
                continue
            tags: dict[str, str] = {}
            key = ""
            for message, _ in journal.read(path):
                if isinstance(message, Start):
                    key = message.key if message.experiment == experiment else ""
                if isinstance(message, Start | Resume | SetTags):
                    tags |= message.tags
            if key and tags.get(tag) == value:
                return key
        return None


def unsent(path: Path) -> int:
    """The number of a journal's messages that wait, without the one that ends it."""
    return sum(not isinstance(message, End) for message, _ in journal.read(path, load(path).offset))


def load(path: Path) -> Sent:
    """How far a journal is sent; if the note is damaged, from its start, as sending again doubles nothing."""
    try:
        return Sent(**json.loads((path / "sent").read_text()))
    except (OSError, ValueError, TypeError):
        return Sent()


def save(path: Path, sent: Sent) -> None:
    """Note how far a journal is sent; if the disk is full, the rest is sent again later."""
    aside = path / f".sent.{os.getpid()}"
    with suppress(OSError):
        aside.write_text(json.dumps(asdict(sent)))
        aside.replace(path / "sent")


def clear(path: Path) -> None:
    """Remove a journal that is sent completely; that of a killed run is kept for 30 days."""
    if unsent(path):  # checked before locking, as other processes take the lock for a writer's
        return
    with journal.sending(path) as ours, journal.unwritten(path) as unwritten, suppress(OSError):
        if not ours or not unwritten or unsent(path):
            return
        last = journal.last(path)
        killed = any(isinstance(m, Finish) and m.status == "KILLED" for m in last[-2:-1])
        recent = time.time() - (path / "journal").stat().st_mtime < _KEPT
        if last and isinstance(last[-1], End) and not (killed and recent):
            gone = path.with_name(f".{path.name}")  # a kill while it is removed leaves no incomplete journal
            path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
