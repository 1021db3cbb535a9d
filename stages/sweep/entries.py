"""Entries of DVC's run cache, which say what came of a stage: to be handed on to other machines.

``dvc push --run-cache`` copies all entries that there are, at every call. What one task needs, or leaves, are
a few, so these are handed on by hand, and the objects that they name are pushed and pulled.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dvc.exceptions import DownloadError, UploadError
from dvc.stage.cache import _get_cache_hash, _get_stage_hash
from dvc.stage.serialize import to_single_stage_lockfile

from stages.runtime import files

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage


@dataclass(frozen=True)
class Entry:
    """What came of one stage.

    Attributes:
        key: hash of its command, dependencies and parameters.
        value: hash of these and its outputs.
        text: both in YAML, as ``dvc.lock`` has them.
    """

    key: str
    value: str
    text: str

    @property
    def place(self) -> Path:
        """Where it lies below ``runs`` in a cache, or a remote."""
        return Path(self.key[:2], self.key, self.value)


def save(repo: "Repo", stage: "PipelineStage") -> Entry:
    """The entry of a stage that is done.

    DVC has made it where it ran the stage. Of one that dvc.lock has from elsewhere it is made here, and the
    outputs that git keeps are put into the cache.
    """
    repo.stage_cache.save(stage)
    found = to_single_stage_lockfile(stage)
    key, value = _get_stage_hash(stage), _get_cache_hash(found)
    place = Entry(key, value, "").place
    return Entry(key, value, Path(repo.stage_cache.cache_dir, place).read_text(encoding="utf-8"))


def put(repo: "Repo", entries: Iterable[Entry]) -> None:
    """Put entries into the repository's run cache."""
    for entry in entries:
        path = Path(repo.stage_cache.cache_dir, entry.place)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, entry.text)


def pull(repo: "Repo", entries: Iterable[Entry]) -> None:
    """Have all outputs of the entries, which must be in the run cache, in the cache."""
    for objects in _objects(repo, entries):
        if failed := repo.cloud.pull(objects).failed:
            raise DownloadError(len(failed))


def push(repo: "Repo", entries: Iterable[Entry]) -> None:
    """Have all outputs of the entries, and then the entries, in the remote."""
    entries = list(entries)
    for objects in _objects(repo, entries):
        if failed := repo.cloud.push(objects).failed:
            raise UploadError(len(failed))
    remote = repo.cloud.get_remote_odb(command="push", hash_name="md5-dos2unix")
    for entry in entries:
        path = remote.fs.join(remote.path, "runs", *entry.place.parts)
        if not remote.fs.exists(path):
            remote.fs.makedirs(remote.fs.parent(path))
            remote.fs.put_file(str(Path(repo.stage_cache.cache_dir, entry.place)), path)


def _objects(repo: "Repo", entries: Iterable[Entry]) -> Iterable[set[object]]:
    found = repo.stage_cache.get_used_objs([(entry.key, entry.value) for entry in entries])
    return [objects for objects in found.values() if objects]
