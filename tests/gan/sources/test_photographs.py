from pathlib import Path

import torch
from sklearn.datasets import load_sample_images

from stages.gan.sources.photographs import PhotographsSource


def whole() -> list[torch.Tensor]:
    return [torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images]


def is_in(patch: torch.Tensor, photograph: torch.Tensor) -> bool:
    """Whether a patch [3, 32, 32] is somewhere in a photograph [3, H, W]."""
    corners = (photograph[:, :-31, :-31] == patch[:, :1, :1]).all(0).nonzero().tolist()
    return any(torch.equal(photograph[:, top : top + 32, left : left + 32], patch) for top, left in corners)


def test_patches_are_of_the_photographs_that_their_labels_name():
    source = PhotographsSource(patches=40, seed=1)
    dataset = source.load(Path())
    assert dataset.train.samples.shape == (40, 3, 32, 32)
    assert dataset.test.samples.shape == (10, 3, 32, 32)
    assert dataset.train.classes == ("temple", "flower")
    assert (source.shape, source.counts, source.labelled) == ((3, 32, 32), (40, 10), True)
    assert dataset.train.labels.bincount().tolist() == [20, 20]
    photographs = whole()
    for first, split in enumerate((dataset.train, dataset.test)):
        for patch, label in zip(split.samples, split.labels.tolist(), strict=True):
            bands = photographs[label].split([120, 40] * 4, 2)[first::2]  # of which no pixel is in both
            assert any(is_in(patch, band) for band in bands)


def test_places_come_from_the_seed():
    first, again, other = (PhotographsSource(patches=8, seed=seed).load(Path()).train for seed in (1, 1, 2))
    assert torch.equal(first.samples, again.samples)
    assert not torch.equal(first.samples, other.samples)
