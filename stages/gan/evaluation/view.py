"""A view: real samples as one judge sees them, with all that comparisons need, computed once."""

from collections.abc import Mapping
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from stages.gan.evaluation import blocks, distances, metrics, pairs
from stages.gan.evaluation.distances import Gaussian
from stages.gan.evaluation.pairs import RealSet
from stages.gan.evaluation.scores import Scores

_NONE = 1e-12  # of the mean squared length of features: a variance below that is rounding


class Classes(NamedTuple):
    """The Gaussians fitted to the training samples of each class, of which there are at least two.

    Attributes:
        labels: which classes, int64 [K].
        means: of each [K, F].
        roots: of the covariance of each [K, F, F].
    """

    labels: Tensor
    means: Tensor
    roots: Tensor


class View(NamedTuple):
    """Real samples by their features: those of a judge, or points' standardised coordinates.

    Attributes:
        gaussian: fitted to all training samples.
        chosen: as many training samples as a block has, always the same ones.
        variance: total variance of all; float64, a number; 0 if it is only rounding.
        classes: the Gaussian of each class, if samples are made for a class.
        directions: for images, the chosen features scaled to length 1, for precision and density. The long
            features of noise would otherwise lie in the neighbourhoods of a few real ones.
    """

    gaussian: Gaussian
    chosen: RealSet
    variance: Tensor
    directions: RealSet | None = None
    classes: Classes | None = None

    @staticmethod
    def of(features: Tensor, block: int, images: bool = False, labels: Tensor | None = None) -> "View":
        """The view of training samples with these features [N, F].

        Args:
            features: of all training samples.
            block: the number of samples in a block.
            images: whether they are images.
            labels: int64 [N], if samples are made for a class.
        """
        chosen = features[blocks.choice(len(features), block)]
        variance = torch.tensor(metrics.total_variance(features), dtype=torch.float64)
        if variance <= _NONE * features.double().square().sum(1).mean():
            variance.zero_()
        directions = pairs.prepare(_directions(chosen)) if images else None
        classes = None
        if labels is not None:
            there = [label for label, count in enumerate(labels.bincount().tolist()) if count > 1]
            whole = distances.gaussian(features)
            fitted = [distances.gaussian(features[labels == label]) for label in there]
            means, roots = (
                torch.stack([gaussian[which] for gaussian in (*fitted, whole)])[:-1] for which in (0, 1)
            )
            classes = Classes(torch.tensor(there, dtype=torch.int64), means, roots)
        return View(distances.gaussian(features), pairs.prepare(chosen), variance, directions, classes)

    def compare(self, features: Tensor, frechet: str, kernel: str) -> Scores:
        """The scores of a block of samples with these features [B, F].

        Args:
            features: of the block.
            frechet: the name of the Fréchet distance.
            kernel: the name of the kernel distance.
        """
        found = pairs.compare(features, self.chosen, self._scaled(features))
        distance = distances.frechet_distance(features, self.gaussian)
        return {frechet: distance, kernel: found.pop("kernel_distance"), **found}

    def turned(self, features: Tensor) -> Scores:
        """The scores of a block [B, F] by neighbours with ties turned; see :func:`pairs.compare`."""
        found = pairs.compare(features, self.chosen, self._scaled(features), turned=True)
        del found["kernel_distance"]
        return found

    def compare_all(self, features: Tensor, frechet: str) -> Scores:
        """The scores of all samples at once, by features [N, F]; diversity is 0 if real ones have none."""
        real = self.variance.item()
        return {
            f"{frechet}_all": distances.frechet_distance(features, self.gaussian),
            "diversity": metrics.total_variance(features) / real if real else 0.0,
        }

    def compare_classes(self, features: Tensor, labels: Tensor, frechet: str) -> Scores:
        """The mean Fréchet distance within the classes that samples were made for (int64 [N]).

        A class with fewer than two samples, or two training samples, is left out; if none is left, there is
        no score.
        """
        assert self.classes is not None
        found = [
            distances.frechet_distance(features[labels == label], Gaussian(mean, root))
            for label, mean, root in zip(*self.classes, strict=True)
            if (labels == label).sum() > 1
        ]
        return {frechet: fmean(found)} if found else {}

    def _scaled(self, features: Tensor) -> tuple[Tensor, RealSet] | None:
        return None if self.directions is None else (_directions(features), self.directions)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, for a file."""
        parts = {**above("gaussian", self.gaussian._asdict()), **above("chosen", self.chosen._asdict())}
        if self.directions is not None:
            parts |= above("directions", self.directions._asdict())
        if self.classes is not None:
            parts |= above("classes", self.classes._asdict())
        return {**parts, "variance": self.variance}

    @staticmethod
    def from_tensors(found: Mapping[str, Tensor]) -> "View":
        """The view with these tensors; see :meth:`tensors`."""
        scaled, classes = below("directions", found), below("classes", found)
        return View(
            Gaussian(**below("gaussian", found)),
            RealSet(**below("chosen", found)),
            found["variance"],
            RealSet(**scaled) if scaled else None,
            Classes(**classes) if classes else None,
        )


def _directions(features: Tensor) -> Tensor:
    """Features [N, F] scaled to length 1, float64; those of length 0 are unchanged."""
    x = features.double().numpy()
    lengths = np.sqrt(np.square(x).sum(1, keepdims=True))
    return torch.from_numpy(x / np.where(lengths > 0, lengths, 1))


def above(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with a prefix before their names."""
    return {f"{name}.{key}": tensor for key, tensor in tensors.items()}


def below(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with this prefix, without it; the inverse of :func:`above`."""
    start = f"{name}."
    return {key.removeprefix(start): found for key, found in tensors.items() if key.startswith(start)}
