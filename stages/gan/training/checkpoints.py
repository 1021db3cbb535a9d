"""Checkpoints of a training on disk, from which it resumes after a kill: the newest and the one before."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor

from stages.runtime.errors import warn
from stages.runtime.files import replacing

_FILES = ("0.checkpoint", "1.checkpoint")  # written alternately: a kill or a full disk spares the other file
_ABOUT = "about"  # name of the tensor that holds the other values, as JSON
_SHARE = 0.01  # largest share of the time for checkpoints at convenient moments
_MOST = 0.05  # largest share of the time for checkpoints in all
_KEPT = 30 * 24 * 3600  # seconds after which the checkpoints of a training that was not resumed are removed
FINISHED = "finished-"  # prefix of the folders that keep the ends of trainings, for more epochs


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a training's next step depends on.

    Attributes:
        tensors: tensors by name.
        about: JSON values by name.
        written: time of writing, in seconds since 1970.
    """

    tensors: Mapping[str, Tensor]
    about: Mapping[str, Any]
    written: float = 0.0


class CheckpointStore:
    """The checkpoints of one training in a folder of its own: the newest one and the one before.

    Each is a safetensors file followed by the SHA-256 sum of its bytes.

    Args:
        folder: a folder for this training only; see :func:`stages.gan.training.fingerprint.fingerprint`.
        every: seconds after which a checkpoint is due.
        finished: a folder shared by all trainings that differ only in their number of epochs. It keeps the
            end of the longest one, from which a training with more epochs can continue.
    """

    def __init__(self, folder: Path, every: float, finished: Path | None = None) -> None:
        self._folder = folder
        self._every = every
        self._finished = finished
        self._next = 0  # index of the older file, which is written next
        self._number = 0  # number of the newest checkpoint
        self._written = time.monotonic()
        self._cost = 0.02  # seconds that the last checkpoint took; at first, a guess
        self._failed = False

    def load(self) -> Checkpoint | None:
        """Return the newest undamaged checkpoint, or None; a warning on stderr names a damaged one."""
        found = None
        for turn, name in enumerate(_FILES):
            path = self._folder / name
            try:
                number, checkpoint = _read(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                warn(f"{path}: a damaged checkpoint, skipped ({error})")
                continue
            if found is None or number > self._number:
                found, self._number, self._next = checkpoint, number, 1 - turn
        return found

    def due(self, convenient: bool = False) -> bool:
        """Whether it is time for the next checkpoint.

        A checkpoint is due ``every`` seconds after the last one, or later if the last one took more than 5%
        of the time since then (a slow disk). At a ``convenient`` moment, such as the end of an epoch, it is
        also due as soon as the last one took no more than 1% of the time since then.
        """
        passed = time.monotonic() - self._written
        wanted = passed >= self._every and self._cost <= _MOST * passed
        return wanted or (convenient and self._cost <= _SHARE * passed)

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bool:
        """Write a checkpoint over the older one.

        An operating system error, such as a full disk, is not raised; the first of a series prints a warning.

        Returns:
            Whether the checkpoint was written.
        """
        start = time.monotonic()
        try:
            with replacing(self._folder / _FILES[self._next]) as path:
                _write(path, self._number + 1, tensors, about)
        except OSError as error:
            if not self._failed:
                warn(
                    f"{self._folder}: the training's checkpoint could not be written ({error.strerror}); the "
                    "training continues, but after a kill it would resume from an earlier checkpoint"
                )
            self._failed = True
        else:
            self._failed = False
            self._number += 1
            self._next = 1 - self._next
        self._written = time.monotonic()
        self._cost = self._written - start
        return not self._failed

    def load_finished(self) -> Checkpoint | None:
        """Return the end of the longest finished training, or None; see ``finished``."""
        return None if self._finished is None else CheckpointStore(self._finished, self._every).load()

    def finish(self, whole: bool = True) -> None:
        """Move the training's end to ``finished``, unless that of a longer one is there; remove the folder.

        Args:
            whole: whether a training with more epochs can continue from this end. If not, only the number of
                epochs is kept.
        """
        if self._finished is not None and (end := self.load()) is not None and self._is_further(end):
            (self._folder / _FILES[self._next]).unlink(missing_ok=True)  # the checkpoint before the end
            if not whole:
                self.save({}, {"epoch": end.about["epoch"]})
                (self._folder / _FILES[self._next]).unlink(missing_ok=True)
            shutil.rmtree(self._finished, ignore_errors=True)
            with suppress(OSError):
                self._folder.rename(self._finished)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_further(self, end: Checkpoint) -> bool:
        kept = self.load_finished()
        return kept is None or bool(kept.about["epoch"] <= end.about["epoch"])


def purge(folder: Path) -> None:
    """Remove from a run's folder what no training has used for 30 days.

    Ends of finished trainings are removed from the folders of all runs.

    Args:
        folder: the checkpoints of one run: one folder for each training.
    """
    with suppress(OSError):
        for training in (*folder.iterdir(), *folder.parent.parent.glob(f"*/*/{FINISHED}*")):
            if time.time() - training.stat().st_mtime > _KEPT:
                shutil.rmtree(training, ignore_errors=True)


def _write(path: Path, number: int, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    content = json.dumps({"number": number, "written": time.time(), "about": about}).encode()
    everything = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    everything[_ABOUT] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    written = to_bytes(everything)
    with path.open("wb") as file:
        file.write(written)
        file.write(hashlib.sha256(written).digest())


def _read(path: Path) -> tuple[int, Checkpoint]:
    content = path.read_bytes()
    size = len(content) - hashlib.sha256().digest_size
    if size < 0 or hashlib.sha256(memoryview(content)[:size]).digest() != content[size:]:
        raise ValueError("its checksum is wrong")
    tensors = from_bytes(content[:size])
    known = json.loads(bytes(tensors.pop(_ABOUT).numpy()))
    return known["number"], Checkpoint(tensors, known["about"], known["written"])
