"""Entries of DVC's run cache, each the result of one stage, and how they get to other machines.

``dvc push --run-cache`` copies all entries at every call. A task needs and makes only a few, so this module
copies just these, and pushes and pulls the objects that they name.
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
    """The result of one stage in the run cache.

    Attributes:
        key: hash of the stage's command, dependencies and parameters.
        value: hash of these and of its outputs.
        text: all of them in YAML, as in ``dvc.lock``.
    """

    key: str
    value: str
    text: str

    @property
    def place(self) -> Path:
        """Its path below ``runs`` in a cache or a remote."""
        return Path(self.key[:2], self.key, self.value)


def save(repo: "Repo", stage: "PipelineStage") -> Entry:
    """The run cache's entry of a stage that is done.

    If DVC ran the stage here, the entry exists. Otherwise, if dvc.lock has the stage from elsewhere, it is
    made here, and outputs that are in git are added to the cache.
    """
    repo.stage_cache.save(stage)
    found = to_single_stage_lockfile(stage)
    key, value = _get_stage_hash(stage), _get_cache_hash(found)
    place = Entry(key, value, "").place
    return Entry(key, value, Path(repo.stage_cache.cache_dir, place).read_text(encoding="utf-8"))


def put(repo: "Repo", entries: Iterable[Entry]) -> None:
    """Add entries to the repository's run cache."""
    for entry in entries:
        path = Path(repo.stage_cache.cache_dir, entry.place)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write(path, entry.text)


def pull(repo: "Repo", entries: Iterable[Entry]) -> None:
    """Download all outputs of the entries into the cache; the entries must be in the run cache.

    Raises:
        DownloadError: outputs cannot be downloaded.
    """
    for objects in _objects(repo, entries):
        if failed := repo.cloud.pull(objects).failed:
            raise DownloadError(len(failed))


def push(repo: "Repo", entries: Iterable[Entry]) -> None:
    """Upload all outputs of the entries to the remote, and then the entries themselves.

    Raises:
        UploadError: outputs cannot be uploaded.
    """
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
