"""Which parts of the real data the samples cover, as the numbers that a figure shows."""

from typing import cast

import torch
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.judges import models

_SHOWN = 2000  # images of a kind, at most


def coverage(samples: Tensor, answers: Tensor, split: Split, judges: models.Judges) -> Tensor:
    """The numbers of a figure that shows which parts of the real data the samples cover.

    Args:
        samples: generated ones, [N, …].
        answers: of the judges to these: probabilities of classes [N, K], or features [N, F].
        split: the real samples.
        judges: of images without labels, the first computes the features of the real ones.

    Returns:
        Float64. Of points: the first two coordinates of each sample [N, 2], or the only one [N, 1]. Of images
        with labels: the share of each class in the samples [K, 1]. Of images without labels [P, 3]: the first
        two principal components of the real images' features for each, and whether it is generated (1) or
        real (0).
    """
    if samples.dim() == 2:
        return samples[:, :2].double()
    if split.labels is not None:
        counts = torch.bincount(answers.argmax(1), minlength=answers.shape[1])
        return (counts.double() / len(answers)).unsqueeze(1)
    features = models.predict(cast(models.ImageJudge, judges.members[0]).features, split.normalized)
    middle = features.double().mean(0)
    _, directions = torch.linalg.eigh(torch.atleast_2d((features.double() - middle).T.cov()))
    plane = directions.flip(1)[:, :2]
    placed = [(part[:_SHOWN].double() - middle) @ plane for part in (features, answers)]
    kinds = torch.cat([torch.full((len(part), 1), float(kind)) for kind, part in enumerate(placed)]).double()
    where = torch.cat(placed)
    if where.shape[1] == 1:  # there is only one feature
        where = torch.cat([where, torch.zeros_like(where)], dim=1)
    return torch.cat([where, kinds], dim=1)
