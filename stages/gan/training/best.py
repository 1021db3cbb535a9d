"""How good the networks are while they train, by a distance that needs no judge; and the best ones so far."""

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

_SEED = 0  # not the run's: all runs are compared with the same samples
_SAMPLES = 2000  # of each side, at most


class Distance:
    """The sliced Wasserstein distance of a generator's samples from training samples, as networks see them.

    Of fixed latent points, and of training samples that are drawn once, of the same classes if they are told
    them: so it differs between two epochs by what was learned alone. See
    :func:`stages.gan.core.wasserstein.sliced_wasserstein`.

    Args:
        generator: whose.
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
        if counts and real.labels is not None:  # of each class as many as there are among the real ones
            points = self._latents[:, : -len(counts)]
            self._latents = with_classes(points, real.labels[chosen].cpu(), len(counts))

    def __call__(self) -> float:
        """The distance now; as the networks see samples: images in [-1, 1], points of deviation 1."""
        drawn = (draw(self._generator, part) for part in self._latents.split(self._size))
        return wasserstein(self._projected(map(normalize, drawn)), self._real).mean().item()

    @staticmethod
    def _projected(parts: Iterable[Tensor]) -> Tensor:
        """Samples on the directions, [N, 100], a part at a time: large images take much memory."""
        return torch.cat([projected(part.cpu().flatten(1)) for part in parts])


class Best(nn.Module):
    """Copies of the networks as they were after the epoch with the least distance.

    Args:
        generator: the one that would be kept.
        discriminator: that of the same epoch.

    Attributes:
        distance: the least.
        epoch: after which it was.
    """

    distance: Tensor
    epoch: Tensor

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        super().__init__()
        self.generator, self.discriminator = copy.deepcopy(generator), copy.deepcopy(discriminator)
        self.register_buffer("epoch", torch.tensor(0))
        self.register_buffer("distance", torch.tensor(sys.float_info.max, dtype=torch.float64))

    def offer(self, epoch: int, distance: float, generator: nn.Module, discriminator: nn.Module) -> None:
        """Take the networks as they are now, if their distance is less than that of any before."""
        if distance < self.distance.item():
            self.generator.load_state_dict(generator.state_dict())
            self.discriminator.load_state_dict(discriminator.state_dict())
            self.distance.fill_(distance)
            self.epoch.fill_(epoch)
