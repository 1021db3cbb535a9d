"""Drawing samples from a generator, each of which has a number."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from stages.gan.core.conditional import with_classes
from stages.gan.core.datasets import denormalize
from stages.gan.core.numbering import block_labels, block_size
from stages.gan.core.randomness import generator as random_generator

_COMMON_SEED = 0  # not the run's seed: all runs with the same size of latent space have the same points
COMMON_IMAGES, COMMON_POINTS = 25, 500


class Sampler:
    """The samples of a run's generator, by their numbers from 0 on.

    Sample k depends only on (seed, k), to the last bit. It is always computed in the same block of samples,
    however many are wanted, because matrix products round differently with another number of rows.

    Args:
        generator: a trained generator.
        seed: the run's seed.
        label: the class of all samples, if the generator is conditional; None: each sample has its own class.
        truncation: t > 0; latent points follow the normal distribution restricted to [-t, t] (Brock et al.
            2019, section 3.1). With a smaller t, samples are more typical and more alike.

    Attributes:
        generator: the generator.
        block: number of samples in a block, which depends on the size of one sample.
    """

    def __init__(
        self, generator: nn.Module, seed: int, label: int | None = None, truncation: float = math.inf
    ) -> None:
        self.generator, self._seed, self._label, self._truncation = generator, seed, label, truncation
        about: dict[str, list[int]] = generator.architecture  # type: ignore[assignment]
        self._latent = int(generator.latent)  # type: ignore[arg-type]
        self._counts = about.get("counts", [])
        self.block = block_size(about["shape"])

    def samples(self, count: int) -> Iterator[Tensor]:
        """Yield ``count`` samples in blocks [B, *shape]: points float32, images uint8; on the CPU."""
        for block in range(-(-count // self.block)):
            yield draw(self.generator, self._latents(block, self._label))[: count - block * self.block]

    def numbered(self, numbers: Sequence[int], labels: Sequence[int] | None = None) -> Tensor:
        """The samples [N, *shape] with these numbers: points float32, images uint8; on the CPU.

        Args:
            numbers: N numbers, each 0 or more.
            labels: their N classes, if the generator is conditional; None: those of the sampler.
        """
        rows: dict[tuple[int, int | None], list[int]] = {}
        for row, number in enumerate(numbers):
            label = self._label if labels is None else labels[row]
            rows.setdefault((number // self.block, label), []).append(row)
        found: list[Tensor] = [torch.empty(0)] * len(numbers)
        for (block, label), wanted in rows.items():
            drawn = draw(self.generator, self._latents(block, label))
            for row in wanted:
                found[row] = drawn[numbers[row] % self.block]
        return torch.stack(found)

    def latent(self, number: int) -> Tensor:
        """The latent point [latent] of the sample with a number."""
        return self._latents(number // self.block, self._label)[number % self.block]

    def _latents(self, block: int, label: int | None) -> Tensor:
        """The latent points [block, latent] of a block, which begins with sample ``block * self.block``.

        They are standard normal. For a conditional generator, one-hot rows of the classes follow: ``label``,
        or classes drawn with their frequencies in the training data.
        """
        size = self._latent - len(self._counts)
        random = random_generator(self._seed, "sample", block)
        points = truncated(torch.randn(self.block, size, generator=random), self._truncation)
        if not self._counts:
            return points
        labels = block_labels(self._counts, self._seed, block, self.block)
        if label is not None:
            labels = torch.full_like(labels, label)
        return with_classes(points, labels, len(self._counts))


def truncated(points: Tensor, most: float) -> Tensor:
    """Map standard normal numbers to the normal distribution restricted to [-most, most].

    Each number is mapped to the one with the same cumulative probability, so none has to be drawn again.
    """
    if math.isinf(most):
        return points
    below = torch.special.ndtr(torch.tensor(-most, dtype=torch.float64))
    shares = below + torch.special.ndtr(points.double()) * (1 - 2 * below)
    middle: Tensor = torch.special.ndtri(shares)
    return middle.to(points)


def fixed_latents(generator: nn.Module, count: int, seed: int, use: str) -> Tensor:
    """Latent points [count, latent] for pictures; a conditional generator's classes follow in rotation.

    Args:
        generator: the generator that they are for.
        count: number of points.
        seed: the seed that they are drawn from.
        use: name of their use; each use has its own random numbers.
    """
    counts: Sequence[int] = getattr(generator, "counts", ())
    size = int(generator.latent) - len(counts)  # type: ignore[arg-type]
    points = torch.randn(count, size, generator=random_generator(seed, use))
    if not counts:
        return points
    there = torch.tensor([label for label, samples in enumerate(counts) if samples])
    return with_classes(points, there[torch.arange(count) % len(there)], len(counts))


def common_latents(generator: nn.Module, images: bool) -> Tensor:
    """The latent points [N, latent] that are the same for all runs: 25 for images, 500 for points."""
    return fixed_latents(generator, COMMON_IMAGES if images else COMMON_POINTS, _COMMON_SEED, "grid")


def draw(generator: nn.Module, latents: Tensor) -> Tensor:
    """The generator's samples for latent points [N, latent], on the CPU.

    Points are float32 [N, D] in the data's units, images uint8 [N, C, H, W]. The generator is in evaluation
    mode meanwhile, so buffers such as the means of batch normalisation do not change.
    """
    device = next(generator.parameters()).device
    training = generator.training
    generator.eval()
    shape: Sequence[int] = generator.architecture["shape"]  # type: ignore[assignment,index]
    parts = latents.to(device).split(block_size(shape))
    with torch.no_grad():
        drawn = [denormalize(generator(part)).cpu() for part in parts]
    generator.train(training)
    return torch.cat(drawn)
