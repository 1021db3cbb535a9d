"""Checkpoints of a training on disk, from which it goes on after a kill: a whole one, and the one before."""

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

_FILES = ("0.checkpoint", "1.checkpoint")  # written in turn: a kill, or a disk that is full, leaves the other
_ABOUT = "about"  # the tensor that holds what is not a tensor, as JSON
_SHARE = 0.01  # of the time may go into checkpoints at convenient moments
_MOST = 0.05  # of the time may go into checkpoints at all
_KEPT = 30 * 24 * 3600  # seconds for which the checkpoints of a training wait for it to go on
FINISHED = "finished-"  # how the folders begin in which ends of trainings wait for more epochs


@dataclass(frozen=True)
class Checkpoint:
    """All that a training's next step depends on.

    Attributes:
        tensors: by name.
        about: JSON values.
        written: when, in seconds since 1970.
    """

    tensors: Mapping[str, Tensor]
    about: Mapping[str, Any]
    written: float = 0.0


class CheckpointStore:
    """The checkpoints of one training: its newest and the one before, in a folder of their own.

    A file is a safetensors file followed by the SHA-256 sum of its bytes.

    Args:
        folder: of this training only; see :func:`stages.gan.training.fingerprint.fingerprint`.
        every: seconds after which a checkpoint is due.
        finished: a folder of all trainings that differ in their number of epochs alone, where the end of the
            longest waits for more.
    """

    def __init__(self, folder: Path, every: float, finished: Path | None = None) -> None:
        self._folder = folder
        self._every = every
        self._finished = finished
        self._next = 0  # which of the files is the older one
        self._number = 0  # of the newest checkpoint
        self._written = time.monotonic()
        self._cost = 0.02  # seconds that the last one took; at first, what it may take
        self._failed = False

    def load(self) -> Checkpoint | None:
        """The newest checkpoint that is whole, or none; a line on stderr names one that is damaged."""
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

        It is once ``every`` seconds have passed since the last one; on a slow disk, where a twentieth of them
        would go into writing, later. At a ``convenient`` moment, such as an epoch's end, it is already when
        writing takes less than a hundredth of the time that has passed.
        """
        passed = time.monotonic() - self._written
        wanted = passed >= self._every and self._cost <= _MOST * passed
        return wanted or (convenient and self._cost <= _SHARE * passed)

    def save(self, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> bool:
        """Write a checkpoint in the place of the older one, if it can be; the first failure prints a line."""
        start = time.monotonic()
        try:
            with replacing(self._folder / _FILES[self._next]) as path:
                _write(path, self._number + 1, tensors, about)
        except OSError as error:
            if not self._failed:
                warn(
                    f"{self._folder}: the training's checkpoint could not be written ({error.strerror}); "
                    "it goes on, but if it is killed, that is from an earlier one"
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
        """The end of the training of most epochs that was finished; or none."""
        return None if self._finished is None else CheckpointStore(self._finished, self._every).load()

    def finish(self, whole: bool = True) -> None:
        """Keep the end for more epochs, unless that of more is kept already.

        Args:
            whole: whether more epochs can go on from it; if not, what is kept is only how many there were.
        """
        if self._finished is not None and (end := self.load()) is not None and self._is_further(end):
            (self._folder / _FILES[self._next]).unlink(missing_ok=True)  # the one before the end
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
    """Remove trainings that are given up from a run's folder.

    Ends of finished trainings, which wait for more epochs, of other runs, too.
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
