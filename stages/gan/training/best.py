"""A distance that scores the networks during training without a judge, and the best networks so far."""

import copy
import sys
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from stages.gan.core.conditional import with_classes
from stages.gan.core.datasets import normalize
from stages.gan.core.normalization import Rescaled
from stages.gan.core.numbering import block_size
from stages.gan.core.randomness import generator as random_generator
from stages.gan.core.wasserstein import projected, wasserstein
from stages.gan.networks.base.sampling import draw, fixed_latents
from stages.gan.training.batches import Real

_SEED = 0  # not the run's seed: all runs are compared with the same samples
_SAMPLES = 2000  # at most so many real samples, and as many generated ones


class Distance:
    """The sliced Wasserstein distance between a generator's samples and training samples, both normalised.

    The latent points are fixed, and the training samples are chosen once; for a conditional generator both
    have the same classes. So the distance changes from epoch to epoch only by what was learned. See
    :func:`stages.gan.core.wasserstein.sliced_wasserstein`.

    Args:
        generator: the generator; each call uses its weights at that time.
        real: the training samples.
    """

    def __init__(self, generator: nn.Module, real: Real) -> None:
        order = torch.randperm(len(real.samples), generator=random_generator(_SEED, "distance", "real"))
        chosen = order[:_SAMPLES].to(real.samples.device)
        self._generator = generator.network if isinstance(generator, Rescaled) else generator
        self._size = block_size(real.samples.shape[1:])
        self._real = self._projected(real.samples[part] for part in chosen.split(self._size))
        self._latents = fixed_latents(self._generator, len(chosen), _SEED, "distance")
        counts = getattr(self._generator, "counts", ())
        if counts and real.labels is not None:  # the classes of the chosen real samples
            points = self._latents[:, : -len(counts)]
            self._latents = with_classes(points, real.labels[chosen].cpu(), len(counts))

    def __call__(self) -> float:
        """The distance now, 0 or more, for images in [-1, 1] and points of standard deviation 1."""
        drawn = (draw(self._generator, part) for part in self._latents.split(self._size))
        return wasserstein(self._projected(map(normalize, drawn)), self._real).mean().item()

    @staticmethod
    def _projected(parts: Iterable[Tensor]) -> Tensor:
        """Project samples onto the directions: [N, 100]; in parts, as large images need much memory."""
        return torch.cat([projected(part.cpu().flatten(1)) for part in parts])


class Best(nn.Module):
    """Copies of both networks after the epoch with the smallest distance so far.

    Args:
        generator: the generator whose weights the training saves (``generator_ema``).
        discriminator: its discriminator.

    Attributes:
        generator: the copy of the generator.
        discriminator: the copy of the discriminator.
        distance: the smallest distance so far; the largest float before the first one.
        epoch: the epoch that it belongs to; 0 before the first one.
    """

    distance: Tensor
    epoch: Tensor

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator, self.discriminator = copy.deepcopy(generator), copy.deepcopy(discriminator)
        self.register_buffer("epoch", torch.tensor(0))
        self.register_buffer("distance", torch.tensor(sys.float_info.max, dtype=torch.float64))

    def offer(self, epoch: int, distance: float, generator: nn.Module, discriminator: nn.Module) -> None:
        """Copy the networks if their ``distance`` is smaller than all before."""
        if distance < self.distance.item():
            self.generator.load_state_dict(generator.state_dict())
            self.discriminator.load_state_dict(discriminator.state_dict())
            self.distance.fill_(distance)
            self.epoch.fill_(epoch)
