"""A training with checkpoints on disk, so that a killed one goes on from there."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from stages.gan.core.history import Epoch, metrics
from stages.gan.core.params import Experiment
from stages.gan.training.batches import Real
from stages.gan.training.checkpoints import FINISHED, Checkpoint, CheckpointStore, purge
from stages.gan.training.fingerprint import fingerprint
from stages.gan.training.loop import Training
from stages.runtime.errors import say

_PREVIEWS = "previews"


class _StoppedError(Exception):
    """The training was asked to stop, and is whole on disk."""


class ResumableTraining:
    """A training, from its last checkpoint on if there is one.

    Args:
        gan: as it is before the training.
        steps: of an epoch.
        total: epochs that there will be.
        store: where its checkpoints are.
        title: what it is called in what is said.
        stop_requested: whether it is to stop where it is whole.
        new_key: makes a key of a training that begins.

    Attributes:
        epochs: those that are done.
        training_seconds: those of training without logging.
        wall_seconds: those in all, without what kills cost.
        key: the same however often it is killed: what follows it elsewhere knows it by that.
    """

    key: str

    def __init__(
        self,
        gan: Training,
        steps: int,
        total: int,
        store: CheckpointStore,
        title: str,
        stop_requested: Callable[[], bool] = lambda: False,
        new_key: Callable[[], str] = lambda: "",
    ) -> None:
        self.epochs: list[Epoch] = []
        self.training_seconds = self.wall_seconds = 0.0
        self._gan, self._steps, self._total = gan, steps, total
        self._store, self._title = store, title
        self._stop_requested = stop_requested
        self._flush: Callable[[], object] = lambda: None
        if (found := store.load()) is not None:
            self._restore(found)
            self.key = found.about["key"]
            ago = max(0.0, time.time() - found.written)
            say(f"{self._title}: goes on from {self._place()}, written {ago:.1f} s ago")
        else:
            self.key = new_key()
            self._go_on_from_finished()
            with suppress(_StoppedError):  # who asked sees to it
                self._save()  # before others hear of it: from now on, it is known here
        self._remember()

    @property
    def step(self) -> int:
        """How many steps are done."""
        return (self._gan.epoch - 1) * self._steps + self._gan.step

    def train(
        self, real: Real, preview: Tensor, flush: Callable[[], object], count: Callable[[], object]
    ) -> Iterator[Epoch]:
        """Yield the epochs that are left; see :meth:`stages.gan.training.loop.Training.epochs`.

        Checkpoints are written between steps, and between epochs, once an epoch is dealt with by who gets it.
        If the training is to stop, it ends early, at such a moment, with a checkpoint.

        Args:
            real: see there.
            preview: see there.
            flush: is called before a checkpoint: what was said of the training until then is to be on disk.
            count: is called after each step.
        """
        self._flush, self._tick = flush, count
        self._start = time.perf_counter() - self.wall_seconds
        self._since = time.perf_counter()
        try:
            for epoch in self._gan.epochs(real, preview, self._between_steps):
                self._measure()
                count()
                self.epochs.append(epoch)
                self._remember()
                yield epoch
                self._since = time.perf_counter()
                last = epoch.number == self._total  # what follows can be interrupted anywhere
                if self._stop_requested() or last or self._store.due(convenient=True):
                    self._save()
        except _StoppedError:
            return
        self._measure()

    def restore_last_finite(self) -> tuple[int, int]:
        """Have the networks as they were when all was well; returns the epoch and step that came next."""
        self._gan.load_state_dict(*self._good)
        return self._gan.epoch, self._gan.step

    def finish(self) -> None:
        """Keep the training's end for more epochs, if it can go on, and not its checkpoints."""
        self._store.finish(whole=self._gan.why_no_more is None)

    def _go_on_from_finished(self) -> None:
        """Go on from the end of the same training of fewer epochs, if there was one and it can be."""
        before = self._store.load_finished()
        if before is None or before.about["epoch"] > self._total:
            return
        first = f"its first {before.about['epoch'] - 1} epochs"
        if (why := self._gan.why_no_more) is not None:
            say(f"{self._title}: begins anew; {first} cannot go on, as {why}")
            return
        self._restore(before)
        say(f"{self._title}: goes on from the end of {first}")

    def _remember(self) -> None:
        tensors = {name: tensor.clone() for name, tensor in self._gan.state_dict().items()}
        self._good = (tensors, self._gan.epoch, self._gan.step)

    def _between_steps(self) -> None:
        self._tick()
        if self._stop_requested() or self._store.due():
            self._measure()
            self._save()

    def _measure(self) -> None:
        now = time.perf_counter()
        self.training_seconds += now - self._since
        self._since, self.wall_seconds = now, now - self._start

    def _save(self) -> None:
        """Write a checkpoint, unless nothing can come of it: the one before is then the last good one."""
        saved = False
        if self._gan.finite:
            tensors = self._gan.state_dict()
            if self.epochs:
                tensors[_PREVIEWS] = torch.stack([epoch.preview for epoch in self.epochs])
            about = {
                "epoch": self._gan.epoch,
                "step": self._gan.step,
                "losses": [metrics(epoch) for epoch in self.epochs],
                "seconds": [self.training_seconds, self.wall_seconds],
                "key": self.key,
            }
            self._flush()
            saved = self._store.save(tensors, about)
        if self._stop_requested():
            if saved:
                say(f"{self._title}: ends in {self._place()}; its checkpoint is kept")
            raise _StoppedError

    def _restore(self, found: Checkpoint) -> None:
        tensors, about = found.tensors, found.about
        self._gan.load_state_dict(tensors, about["epoch"], about["step"])
        for losses, preview in zip(about["losses"], tensors.get(_PREVIEWS, ()), strict=True):
            self.epochs.append(Epoch(len(self.epochs) + 1, **losses, preview=preview))
        self.training_seconds, self.wall_seconds = about["seconds"]

    def _place(self) -> str:
        if self._gan.epoch > self._total:
            return "its end"
        return f"epoch {self._gan.epoch}, step {self._gan.step} of {self._steps}"


def checkpoint_store(
    folder: Path,
    every: float,
    params: Experiment,
    seed: int,
    threads: int,
    dataset_md5: str,
    code: str,
    device: torch.device,
    free: Callable[[Path], Path] = lambda folder: folder,
) -> CheckpointStore:
    """Where a training's checkpoints are: in a folder whose name changes with all that its bytes depend on.

    Args:
        folder: that of the run.
        every: seconds between two checkpoints.
        params: of the training; what only others see of them does not count.
        seed: the run's.
        threads: what of it computes, of which sums depend on the number.
        dataset_md5: the data set's sum.
        code: of the networks and the loss that it names.
        device: that it is trained on.
        free: the folder of a training, or another one where somebody else is at the same training.
    """
    purge(folder)
    blocks = {name: getattr(params, name).model_dump() for name in ("generator", "discriminator", "train")}
    about = {**blocks, "seed": seed, "threads": threads, "dataset": dataset_md5, "code": code}
    longer = {**about, "train": {**blocks["train"], "epochs": "any"}}
    finished = folder / f"{FINISHED}{fingerprint(longer, device)}"
    return CheckpointStore(free(folder / fingerprint(about, device)), every, finished)
