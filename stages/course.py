"""A training's course: what has come of it so far, kept on disk so that a killed one goes on from there."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from stages import ending
from stages.command import RunJob
from stages.gan import declared, state, tracking
from stages.gan.errors import tell
from stages.gan.fingerprint import fingerprint
from stages.gan.history import Epoch, metrics
from stages.gan.training import Training
from stages.record import Training as Record

_PREVIEWS = "previews"


class Course:
    """The course of a training, from its last state on if there is one.

    Args:
        job: what is trained.
        gan: as it is before the training.
        steps: of an epoch.
        device: where it is trained.

    Attributes:
        epochs: those that are done.
        training_seconds: those of training without logging.
        wall_seconds: those in all, without what kills cost.
        total: epochs that there will be.
        key: of its run in MLflow, the same however often it is killed.

    Raises:
        UserError: another process trains the same here.
    """

    key: str

    def __init__(self, job: RunJob, gan: Training, steps: int, device: torch.device) -> None:
        self.epochs: list[Epoch] = []
        self.training_seconds = self.wall_seconds = 0.0
        self._gan = gan
        self._name = f"train {job}"
        self._steps = steps
        self.total = job.params.train.epochs
        self._record: Record | None = None
        self._lock = state.claim(job.files.states, self._name)
        self._states = state.States(job.files.states / _key(job, device), job.settings.state_every)
        if (found := self._states.load()) is not None:
            self._restore(found)
        else:
            self.key = job.store.new_key()
            self._save()  # before MLflow's run begins: from now on, it is known here
        self._remember()

    @property
    def step(self) -> int:
        """How many steps are done."""
        return (self._gan.epoch - 1) * self._steps + self._gan.step

    def train(
        self, real: Tensor, preview: Tensor, record: Record, count: Callable[[], object]
    ) -> Iterator[Epoch]:
        """Yield the epochs that are left; see :meth:`stages.gan.training.Training.epochs`.

        After each step, ``count`` is called. States are written between steps, and between epochs, once an
        epoch is logged in the ``record``. A signal that ends the process waits for such a moment, and for the
        state.
        """
        self._record, self._tick = record, count
        self._start = time.perf_counter() - self.wall_seconds
        with ending.held():
            self._since = time.perf_counter()
            for epoch in self._gan.epochs(real, preview, self._between_steps):
                self._count()
                count()
                self.epochs.append(epoch)
                self._remember()
                yield epoch
                self._since = time.perf_counter()
                last = epoch.number == self.total  # what follows can be interrupted anywhere
                if ending.asked() or last or self._states.due(convenient=True):
                    self._save()
            self._count()

    def go_back(self) -> tuple[int, int]:
        """Have the networks as they were when all was well; returns the epoch and step that came next."""
        self._gan.load_state_dict(*self._good)
        return self._gan.epoch, self._gan.step

    def forget(self) -> None:
        """Remove the training's states, once it is finished."""
        self._states.remove()

    def _remember(self) -> None:
        tensors = {name: tensor.clone() for name, tensor in self._gan.state_dict().items()}
        self._good = (tensors, self._gan.epoch, self._gan.step)

    def _between_steps(self) -> None:
        self._tick()
        if ending.asked() or self._states.due():
            self._count()
            self._save()

    def _count(self) -> None:
        now = time.perf_counter()
        self.training_seconds += now - self._since
        self._since, self.wall_seconds = now, now - self._start

    def _save(self) -> None:
        """Write a state, unless nothing can come of it: what was written last is then the last good one."""
        if not self._gan.finite:
            if ending.asked():
                ending.end()
            return
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
        if self._record is not None:
            self._record.flush()  # all that was logged before this state is on disk
        saved = self._states.save(tensors, about)
        if ending.asked():
            if saved:
                tell(f"{self._name}: ends in {self._place()}; its state is kept")
            ending.end()

    def _restore(self, found: state.State) -> None:
        tensors, about = found.tensors, found.about
        self._gan.load_state_dict(tensors, about["epoch"], about["step"])
        for losses, preview in zip(about["losses"], tensors.get(_PREVIEWS, ()), strict=True):
            self.epochs.append(Epoch(len(self.epochs) + 1, **losses, preview=preview))
        self.training_seconds, self.wall_seconds = about["seconds"]
        self.key = about["key"]
        ago = max(0.0, time.time() - found.written)
        tell(f"{self._name}: goes on from {self._place()}, written {ago:.1f} s ago")

    def _place(self) -> str:
        if self._gan.epoch > self.total:
            return "its end"
        return f"epoch {self._gan.epoch}, step {self._gan.step} of {self._steps}"


def _key(job: RunJob, device: torch.device) -> str:
    """The name of a training's states: another one gives other bytes.

    What only DVC or MLflow see of a training is not part of it.
    """
    blocks = {
        name: getattr(job.params, name).model_dump() for name in ("generator", "discriminator", "train")
    }
    here = Path(__file__)
    files = {path.name: tracking.md5(path) for path in (job.shared.dataset, here, here.with_name("train.py"))}
    code = declared.code(job.params.own)
    settings = {**blocks, "seed": job.seed, **job.settings.rounding, "files": files, "code": code}
    return fingerprint(settings, device, [here.parent / "gan" / "training.py", Path(state.__file__)])
