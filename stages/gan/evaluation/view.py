"""A view: real samples as one judge sees them, with all that comparisons with them need, computed once."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from stages.gan.evaluation import blocks, distances, metrics, pairs
from stages.gan.evaluation.distances import Gaussian
from stages.gan.evaluation.pairs import RealSet
from stages.gan.evaluation.scores import Scores


class View(NamedTuple):
    """Real samples by their features: those of a judge, or points' standardised coordinates.

    Attributes:
        gaussian: fitted to all training samples.
        chosen: as many training samples as a block has, always the same.
        variance: total variance of all; float64, a number.
    """

    gaussian: Gaussian
    chosen: RealSet
    variance: Tensor

    @staticmethod
    def of(features: Tensor, block: int) -> "View":
        """The view of training samples with these features [N, F], for blocks of a size."""
        chosen = pairs.prepare(features[blocks.choice(len(features), block)])
        variance = torch.tensor(metrics.total_variance(features), dtype=torch.float64)
        return View(distances.gaussian(features), chosen, variance)

    def compare(self, features: Tensor, frechet: str, kernel: str) -> Scores:
        """What a block of samples scores by its features [B, F].

        Args:
            features: of the block.
            frechet: what the Fréchet distance is called.
            kernel: what the kernel distance is called.
        """
        found = pairs.compare(features, self.chosen)
        distance = distances.frechet_distance(features, self.gaussian)
        return {frechet: distance, kernel: found.pop("kernel_distance"), **found}

    def compare_all(self, features: Tensor, frechet: str) -> Scores:
        """What all samples at once score by their features [N, F]."""
        return {
            f"{frechet}_all": distances.frechet_distance(features, self.gaussian),
            "diversity": metrics.total_variance(features) / self.variance.item(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, for a file."""
        parts = {**_named("gaussian", self.gaussian), **_named("chosen", self.chosen)}
        return {**parts, "variance": self.variance}

    @staticmethod
    def from_tensors(found: Mapping[str, Tensor]) -> "View":
        """What :meth:`tensors` gave."""
        gaussian = Gaussian(*(found[f"gaussian.{field}"] for field in Gaussian._fields))
        chosen = RealSet(*(found[f"chosen.{field}"] for field in RealSet._fields))
        return View(gaussian, chosen, found["variance"])


def _named(name: str, values: NamedTuple) -> dict[str, Tensor]:
    return {f"{name}.{field}": tensor for field, tensor in values._asdict().items()}
