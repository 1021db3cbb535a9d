"""The batches of an epoch's steps: real samples, their classes, and latent points."""

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

_BLOCK = 256  # steps whose latent points are drawn and moved to the device together
_MOST_NUMBERS = 2**24  # in the samples of a block: with large images, a block has fewer steps


class Real(NamedTuple):
    """The training samples, normalised [N, *shape], and their labels, int64 [N], if there are any."""

    samples: Tensor
    labels: Tensor | None = None

    @staticmethod
    def of(split: Split, device: torch.device) -> "Real":
        """Normalise the samples of a split, and copy them to a device."""
        labels = None if split.labels is None else split.labels.to(device)
        return Real(split.normalized.to(device), labels)


class Batch(NamedTuple):
    """The input of one step: ``d_steps`` updates of the discriminator and one of the generator.

    B is the number of rows that this process computes.

    Attributes:
        samples: real samples [d_steps, B, *shape], for each update of the discriminator.
        classes: one-hot rows [B, C] of their classes, for each of these updates; None if the networks are
            not conditioned on the class.
        latents: latent points [d_steps + 1, B, latent], followed by the one-hot rows of their classes if the
            networks are conditioned on the class. The last ones are for the generator's update.
    """

    samples: Tensor
    classes: list[Tensor | None]
    latents: Tensor


class Batches:
    """The batches of a training; each epoch has a new order of the data and new latent points.

    Args:
        real: the training samples.
        settings: give the size of a batch, and the number of batches in a step.
        latent: numbers in a latent point, without the class.
        classes: number of classes that the networks are conditioned on; 0 if they are not.
        seed: the run's.
        group: the processes that train together; each takes its own rows of the whole batches.

    Attributes:
        steps: number of steps in an epoch.

    Raises:
        UserError: there are fewer samples than one step needs.
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
        """Yield the batches of an epoch (numbered from 1), without those of its first ``done`` steps.

        The random numbers of those steps are drawn again, in the same blocks. So the batches that follow have
        the same values, and the same layout in memory, which can also change the last bits of a result.
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
                points = torch.cat([points, classes[:, [*range(times), -1]]], 3)  # G: D's last classes
            for i in range(skip, len(block)):
                yield Batch(x[i], [None] * times if classes is None else list(classes[i]), points[i])


def steps_per_epoch(samples: int, settings: Train) -> int:
    """Number of steps in an epoch of so many ``samples``; only whole batches count.

    Raises:
        UserError: there are fewer samples than one step needs.
    """
    count = settings.samples_in_step
    if samples < count:
        raise UserError(f"{settings.what_of_a_step} more than the {samples} training samples there are")
    return samples // count
