"""Images scored by a judge's eyes."""

from torch import Tensor, nn

from stages.gan.core import datasets
from stages.gan.core.datasets import Dataset
from stages.gan.evaluation import distances, inception, metrics
from stages.gan.evaluation.scorer import Scorer
from stages.gan.evaluation.scores import Scores
from stages.gan.judges import models


class ImageScorer(Scorer):
    """Scores images by a judge's eyes against the real ones.

    The judge is a classifier, or, where images have no labels, an autoencoder; then there are no scores that
    need classes.

    By blocks of ``count`` samples, as their expectation depends on the count:

    - ``fid_judge``: Fréchet distance between the judge's features of a block and of all training images;
      ``fid_inception`` the same with Inception-V3's, if asked for. It compares Gaussians, and the more images
      there are of one side, the better that is known; only that of the block need be equal for all.
    - ``kid_judge`` and ``kid_judge_spread``: kernel distance, its mean and deviation over subsets.
    - ``precision``, ``recall``, ``density``, ``coverage``: see :mod:`stages.gan.evaluation.neighbours`.
      These and the kernel distance compare a block with as many training images, always the same.
    - ``classifier_score``: the Inception score's formula; needs classes.

    Over all samples, as they are means and shares that more samples only make more certain:

    - ``confidence``, ``class_entropy``, ``classes_covered``, ``class_share_0``…: see
      :func:`metrics.class_scores`; they need classes. (The entropy of few random samples is a little too
      small; but the test split's, being stratified or large, is not, so all samples are nearer to it than a
      block.)
    - ``diversity``: total variance of the samples' features over the training images' (1 is right).
    - ``memorisation``: median distance of the samples to the nearest of all training images, over that of
      the test images. By pixels, 0 for copies; as it is a ratio, their scale does not matter.
    - ``collapsed``: see :func:`metrics.images_collapsed`.

    Args:
        real: the real images.
        judge: their classifier, or autoencoder.
        count: images in a block, see :func:`block_size`.
        extractor: Inception-V3, see :func:`inception.load`.
    """

    def __init__(
        self, real: Dataset, judge: models.ImageJudge, count: int, extractor: nn.Module | None = None
    ) -> None:
        self._judge, self._extractor = judge, extractor
        self.classifies = judge.classifies
        super().__init__(real, count)
        self._classes = None
        if self.classifies:
            self._classes = metrics.class_scores(self._answer(self.real, self._see(self.real)))
        if extractor is not None:
            self._seen = distances.gaussian(inception.features(extractor, real.train.samples))

    def _see(self, samples: Tensor) -> Tensor:
        return models.predict(self._judge.features, datasets.normalize(samples))

    def _place(self, samples: Tensor) -> Tensor:
        """Pixels as float32 around 0: integers so small that products of up to 1,024 are exact."""
        return samples.flatten(1).float() - 128

    def _answer(self, samples: Tensor, features: Tensor) -> Tensor:
        return models.predict(self._judge.output, features) if self.classifies else features

    def _of_block(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores:
        scores: Scores = {"fid_judge": self._reference.frechet_distance(features)}
        if self._extractor is not None:
            seen = inception.features(self._extractor, samples)
            scores["fid_inception"] = distances.frechet_distance(seen, self._seen)
        kernel, spread = distances.kernel_distance(features, self._reference.chosen)
        scores |= {"kid_judge": kernel, "kid_judge_spread": spread}
        scores |= self._reference.neighbourhoods(features)
        if self.classifies:
            scores["classifier_score"] = metrics.classifier_score(answers)
        return scores

    def _of_all(self, samples: Tensor, features: Tensor, answers: Tensor) -> Scores:
        scores = metrics.class_scores(answers) if self.classifies else {}
        return {**scores, "diversity": metrics.diversity(features, self._reference.features)}

    def _collapsed(self, scores: Scores) -> int:
        return metrics.images_collapsed(scores, self._classes)
