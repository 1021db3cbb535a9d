"""Baselines: what real data score, and what noise does, so that a score can be placed between the two."""

import torch
from torch import Tensor

from stages.gan.core.randomness import generator
from stages.gan.evaluation.blocks import SEED
from stages.gan.evaluation.scores import NOISE_SUFFIX, REAL_SUFFIX, Scores

WIDER = 1.5  # the box that noise points fill, over the one that the real points do


def noise(real: Tensor, count: int) -> Tensor:
    """``count`` samples of noise, of the same kind as real ones.

    Images (uint8 [N, C, H, W]) get uniform random pixels, 0 to 255; points (float32 [N, D]) are uniform in
    the real points' bounding box, made half as wide again about its middle.
    """
    random = generator(SEED, "scores", "noise")
    if real.dtype == torch.uint8:
        return torch.randint(0, 256, (count, *real.shape[1:]), generator=random, dtype=torch.uint8)
    low, high = real.amin(0), real.amax(0)
    uniform = torch.rand(count, *real.shape[1:], generator=random)
    return (low + high) / 2 + (uniform - 0.5) * WIDER * (high - low)


def with_baselines(scores: Scores, real: Scores, noise: Scores) -> Scores:
    """Scores together with their two baselines, ``…_real`` (real data) and ``…_noise``.

    The verdict on a collapse has none: it is about the run.
    """
    found = dict(scores)
    for ending, baseline in ((REAL_SUFFIX, real), (NOISE_SUFFIX, noise)):
        found |= {name + ending: baseline[name] for name in scores if name != "collapsed"}
    return found
