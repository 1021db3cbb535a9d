"""Scores of images by the judges."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from stages.gan.core.datasets import Split
from stages.gan.evaluation import blocks, copies, metrics
from stages.gan.evaluation.scorer import Scored, Scorer, mean_over_judges
from stages.gan.evaluation.scores import Scores
from stages.gan.evaluation.view import View
from stages.gan.judges import models


class ImageScorer(Scorer):
    """Scores images against the real ones by the judges; each score is the mean over the judges.

    The judges are classifiers. If the images have no labels they are autoencoders, and there are no scores
    that need classes.

    By blocks, because their expectation depends on the number of images:

    - ``fid_judge``: Fréchet distance between the judge's features of a block and of all training images. It
      compares Gaussians, which are estimated better from more images; only the number in the block has to be
      the same for all. ``fid_judge_all`` takes all samples at once.
    - ``kid_judge``, ``precision``, ``recall``, ``density``, ``coverage``, ``nn_accuracy``: see
      :func:`pairs.compare`. They compare a block with as many training images, always the same ones;
      precision and density use features scaled to length 1.
    - ``classifier_score``: the formula of the Inception score; ``confidence``, ``class_entropy``,
      ``classes_covered``, ``class_share_0``…: see :func:`metrics.class_scores`. They need classes.
    - ``distinct``: see :func:`copies.distinct`.

    Over all samples: ``diversity``, total variance of the features of the samples over that of the training
    images (1 is best). For samples made for a class: ``class_accuracy``, the share that the judge puts into
    it, and ``fid_judge_classes_all``, see :meth:`View.compare_classes`.

    Args:
        block: images in a block.
        views: see :func:`views`.
        judges: the classifiers, or autoencoders.
    """

    def __init__(self, block: int, views: Sequence[View], judges: models.Judges) -> None:
        super().__init__(block, views)
        self._judges = judges

    def __call__(self, samples: Tensor, told: Tensor | None = None) -> Scored:
        """Score images uint8 [N, C, H, W]; answers are logits [N, classes] or the first judge's features."""
        found, every = [], []
        for judge, view in zip(_members(self._judges), self._views, strict=True):
            features = models.predict(judge.features, samples)
            answers = models.predict(judge.output, features) if self._judges.classifies else features
            found.append(self._of_judge(view, features, answers, told))
            every.append(answers)
        mean = torch.stack(every).mean(0) if self._judges.classifies else every[0]
        distinct = blocks.mean({"distinct": copies.distinct(part)} for part in self._split(samples))
        return Scored(mean_over_judges(found) | distinct, mean)

    def turned(self, samples: Tensor) -> Scores:
        """Score a block of images; the mean over the judges."""
        members = zip(_members(self._judges), self._views, strict=True)
        return blocks.mean(
            self._counted(view.turned(models.predict(judge.features, samples))) for judge, view in members
        )

    def _of_judge(self, view: View, features: Tensor, answers: Tensor, told: Tensor | None) -> Scores:
        def of_block(features: Tensor, answers: Tensor) -> Scores:
            scores = view.compare(features, "fid_judge", "kid_judge")
            if self._judges.classifies:
                scores["classifier_score"] = metrics.classifier_score(answers)
                scores |= metrics.class_scores(answers)
            return scores

        scores = self._by_blocks(of_block, features, answers) | view.compare_all(features, "fid_judge")
        if told is not None:
            scores |= view.compare_classes(features, told, "fid_judge_classes_all")
            scores["class_accuracy"] = (answers.argmax(1) == told).double().mean().item()
        return scores


def views(judges: models.Judges, train: Split, block: int, told: bool) -> list[View]:
    """The training images as each judge sees them; also by class, if samples are made for one (``told``)."""
    seen = (models.predict(judge.features, train.samples) for judge in _members(judges))
    labels = train.labels if told else None
    return [View.of(features, block, images=True, labels=labels) for features in seen]


def _members(judges: models.Judges) -> list[models.ImageJudge]:
    return [cast(models.ImageJudge, judge) for judge in judges.members]
