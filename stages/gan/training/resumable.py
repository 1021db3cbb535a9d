"""A training with checkpoints on disk, from which it resumes after a kill."""

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
    """The training was asked to stop, and has written a checkpoint if it could."""


class ResumableTraining:
    """A training that resumes from its last checkpoint, if there is one.

    Args:
        gan: the training in its initial state.
        steps: number of steps in an epoch.
        total: number of epochs to train for.
        store: its checkpoints.
        title: its name in messages.
        stop_requested: whether the training must stop after the current step.
        new_key: makes the key of a training that begins.

    Attributes:
        epochs: the epochs that are done.
        training_seconds: seconds spent training, without logging.
        wall_seconds: seconds spent in all, without what was lost by kills.
        key: identifies this training elsewhere (in MLflow); it stays the same after a kill.
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
            with suppress(_StoppedError):  # train() will stop after its first step
                self._save()  # first of all, so that the key is on disk before it is used elsewhere
        self._remember()

    @property
    def step(self) -> int:
        """Number of steps done, in all epochs."""
        return (self._gan.epoch - 1) * self._steps + self._gan.step

    def train(
        self, real: Real, preview: Tensor, flush: Callable[[], object], count: Callable[[], object]
    ) -> Iterator[Epoch]:
        """Train, and yield each remaining epoch; see :meth:`stages.gan.training.loop.Training.epochs`.

        Checkpoints are written between two steps; after an epoch, once the caller asks for the next one. If a
        stop is requested, the training writes a checkpoint there and ends early.

        Args:
            real: the training samples.
            preview: fixed latent points [P, latent]; each epoch contains their samples.
            flush: called before each checkpoint; it must write to disk what was logged until then.
            count: called after each step.

        Raises:
            UserError: there are fewer samples than one step needs.
            DivergenceError: a loss or a weight is no longer finite; see :meth:`restore_last_finite`.
            PeerLostError: another process has ended.
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
        """Set the training back to the end of the last finished epoch, or to where it began or resumed.

        All numbers were finite then.

        Returns:
            The epoch and the step that came next.
        """
        self._gan.load_state_dict(*self._good)
        return self._gan.epoch, self._gan.step

    def finish(self) -> None:
        """Remove the checkpoints, but keep the training's end if it can be continued for more epochs."""
        self._store.finish(whole=self._gan.why_no_more is None)

    def _go_on_from_finished(self) -> None:
        """Continue from the end of the same training with fewer epochs, if it exists and can be continued."""
        before = self._store.load_finished()
        if before is None or before.about["epoch"] > self._total:
            return
        done = before.about["epoch"] - 1
        first = "its first epoch" if done == 1 else f"its first {done} epochs"
        if (why := self._gan.why_no_more) is not None:
            say(f"{self._title}: starts again from the beginning; it cannot continue after {first}, as {why}")
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
        """Write a checkpoint, unless a number is not finite: then the one before stays the newest.

        Raises:
            _StoppedError: a stop is requested.
        """
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
    """The checkpoints of a training, in a folder whose name depends on everything that its bytes depend on.

    Args:
        folder: the run's folder for checkpoints.
        every: seconds between two checkpoints.
        params: the experiment's parameters; only those of the networks and their training count.
        seed: the run's seed.
        threads: number of CPU threads; the order of sums, and so their last bits, depends on it.
        dataset_md5: MD5 sum of the data set's file.
        code: code of the networks and of the loss that the parameters name.
        device: the device to train on.
        free: returns the given folder, or another one if another process uses it for the same training.
    """
    purge(folder)
    blocks = {name: getattr(params, name).model_dump() for name in ("generator", "discriminator", "train")}
    about = {**blocks, "seed": seed, "threads": threads, "dataset": dataset_md5, "code": code}
    longer = {**about, "train": {**blocks["train"], "epochs": "any"}}
    finished = folder / f"{FINISHED}{fingerprint(longer, device)}"
    return CheckpointStore(free(folder / fingerprint(about, device)), every, finished)
