"""What the steps of an epoch consist of: real samples, their classes, and latent points."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from stages.gan.core.datasets import Split
from stages.gan.core.devices import move
from stages.gan.core.params import Train
from stages.gan.core.randomness import generator as random_generator
from stages.gan.training.process_group import SINGLE, ProcessGroup
from stages.runtime.errors import UserError

_BLOCK = 256  # steps whose latent points are drawn, and taken to the device, in one go
_MOST_NUMBERS = 2**24  # in the samples of these steps: of large images there are fewer


class Real(NamedTuple):
    """The training samples as the networks see them [N, *shape]; and their labels, int64 [N], if any."""

    samples: Tensor
    labels: Tensor | None = None

    @staticmethod
    def of(split: Split, device: torch.device) -> "Real":
        """The samples of a split, on a device."""
        labels = None if split.labels is None else split.labels.to(device)
        return Real(split.normalized.to(device), labels)


class Batch(NamedTuple):
    """What a step consists of; B counts this process's rows.

    Attributes:
        samples: real ones, for each of the discriminator's steps [d_steps, B, *shape].
        classes: their one-hot rows [B, C], for each of these steps; None where the networks are not told.
        latents: points [d_steps + 1, B, latent], with the classes behind them if the networks are told; those
            of the generator's step last.
    """

    samples: Tensor
    classes: list[Tensor | None]
    latents: Tensor


class Batches:
    """The batches of a training's epochs: each takes the data in a new order, with new latent points.

    Args:
        real: the training samples.
        settings: say how many make a batch, and how many batches a step.
        latent: numbers in a latent point, without the class.
        classes: how many classes the networks are told; 0: they are not.
        seed: the run's.
        group: the processes that train together; each takes its rows of what is drawn for all.

    Raises:
        UserError: there are fewer samples than make a step.
    """

    def __init__(
        self,
        real: Real,
        settings: Train,
        latent: int,
        classes: int,
        seed: int,
        group: ProcessGroup = SINGLE,
    ) -> None:
        self._real, self._settings, self._seed, self._group = real, settings, seed, group
        self._latent, self._classes = latent, classes
        self.steps = steps_per_epoch(len(real.samples), settings)

    def of_epoch(self, epoch: int, done: int = 0) -> Iterator[Batch]:
        """Those of the steps of an epoch after the first ``done``.

        What was drawn for the steps that are done is drawn again, in the same blocks, and lies in memory as
        it did: either may change the last bits.
        """
        whole, rows, times = self._settings.batch_size, self._group.rows, self._settings.d_steps
        size = times * (whole // self._group.world_size)
        samples, labels = self._real
        order = torch.randperm(len(samples), generator=random_generator(self._seed, "order", epoch))
        noise = random_generator(self._seed, "latent", epoch)
        batches = move(order[rows], samples.device).split(size)[: self.steps]
        at_once = max(1, min(_BLOCK, _MOST_NUMBERS // (size * math.prod(samples.shape[1:]))))
        for start in range(0, self.steps, at_once):
            block = batches[start : start + at_once]
            latents = torch.randn(len(block), times + 1, whole, self._latent, generator=noise)[:, :, rows]
            if (skip := max(0, done - start)) >= len(block):
                continue
            which = torch.cat(block)
            x = samples[which].view(len(block), times, -1, *samples.shape[1:])
            points, classes = move(latents, samples.device), None
            if self._classes and labels is not None:
                classes = one_hot(labels[which], self._classes).to(points).view(*x.shape[:3], -1)
                points = torch.cat([points, classes[:, [*range(times), -1]]], 3)  # G's are D's last ones
            for i in range(skip, len(block)):
                yield Batch(x[i], [None] * times if classes is None else list(classes[i]), points[i])


def steps_per_epoch(samples: int, settings: Train) -> int:
    """Steps of whole batches in ``samples``.

    Raises:
        UserError: there is not one.
    """
    count = settings.samples_in_step
    if samples < count:
        raise UserError(f"{settings.what_of_a_step} more than the {samples} training samples there are")
    return samples // count
