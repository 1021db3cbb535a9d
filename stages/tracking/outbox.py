"""The outbox: the journals of what waits to be sent to one MLflow store, oldest first."""

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

_LEFT = 24 * 3600  # seconds: older folders that are no journals belong to nobody
_KEPT = 30 * _LEFT  # seconds: how long a killed run's journal waits for the run to go on


@dataclass
class Sent:
    """How far a journal is sent.

    Attributes:
        offset: the end of the last record sent.
        run_id: MLflow's name for the run; empty before it is known.
        created: whether the run is the journal's own, and not one that others made.
        found: whether it was there already when the journal was begun to be sent.
    """

    offset: int = 0
    run_id: str = ""
    created: bool = False
    found: bool = False


class Outbox:
    """What waits for a store.

    Args:
        folder: holds the outboxes of all stores.
        uri: the store's address.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self.root = folder
        self.folder = folder.absolute() / hashlib.sha256(public(uri).encode()).hexdigest()[:16]
        self._uri = uri

    def new(self) -> str:
        """A name for a new journal, which is later than all others."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / ".store").write_text(public(self._uri) + "\n")
        return f"{time.time_ns()}-{uuid.uuid4().hex}"

    def journals(self) -> list[Path]:
        """The journals' folders."""
        with suppress(OSError):
            return sorted(path for path in self.folder.iterdir() if path.name[0] != ".")
        return []

    def waiting(self) -> tuple[int, int]:
        """How many messages wait, and of how many runs, without those that a living process sees to."""
        left = [unsent(path) for path in self.journals() if not journal.is_written(path)]
        return sum(left), sum(map(bool, left))

    def purge(self) -> None:
        """Remove what is sent to its end, and what processes left that were killed."""
        for path in self.journals():
            if not journal.is_written(path):
                clear(path)
        with suppress(OSError):
            for path in self.folder.glob(".*/"):
                if time.time() - path.stat().st_mtime > _LEFT:
                    shutil.rmtree(path, ignore_errors=True)

    def others(self) -> Iterator[tuple[str, int]]:
        """The other stores for which something waits, and how many messages."""
        for file in sorted(self.root.glob("*/.store")):
            if file.parent.name != self.folder.name:
                count = sum(unsent(path) for path in file.parent.iterdir() if path.is_dir())
                if count:
                    yield file.read_text().strip(), count

    def find(self, experiment: str, tag: str, value: str) -> str | None:
        """The key of the newest run of an experiment with this tag of which something is here still."""
        for path in reversed(self.journals()):
            if not unsent(path):  # the store knows better
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
    """How many messages of a journal wait; its end is none."""
    return sum(not isinstance(message, End) for message, _ in journal.read(path, load(path).offset))


def load(path: Path) -> Sent:
    """How far a journal is sent; from the start on if the note is damaged: nothing is doubled by that."""
    try:
        return Sent(**json.loads((path / "sent").read_text()))
    except (OSError, ValueError, TypeError):
        return Sent()


def save(path: Path, sent: Sent) -> None:
    """Note how far a journal is sent; where the disk is full, it is sent again later."""
    aside = path / f".sent.{os.getpid()}"
    with suppress(OSError):
        aside.write_text(json.dumps(asdict(sent)))
        aside.replace(path / "sent")


def clear(path: Path) -> None:
    """Remove a journal if it is sent to its end; a killed run's stays some weeks, as the run may go on."""
    if unsent(path):  # before it is locked, which others take for a writer
        return
    with journal.sending(path) as ours, journal.unwritten(path) as unwritten, suppress(OSError):
        if not ours or not unwritten or unsent(path):
            return
        last = journal.last(path)
        killed = any(isinstance(m, Finish) and m.status == "KILLED" for m in last[-2:-1])
        recent = time.time() - (path / "journal").stat().st_mtime < _KEPT
        if last and isinstance(last[-1], End) and not (killed and recent):
            gone = path.with_name(f".{path.name}")  # who dies half-way leaves nothing that looks whole
            path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
