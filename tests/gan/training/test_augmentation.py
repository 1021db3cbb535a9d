"""What the discriminator sees changes as DiffAugment says, and the generator learns through it."""

import pytest
import torch

from stages.gan.core.randomness import RandomRows
from stages.gan.core.randomness import generator as random_generator
from stages.gan.training import augmentation
from stages.gan.training.augmentation import KINDS, augment

IMAGES = torch.rand(64, 3, 16, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1


def random(rows: slice = slice(0, None, 1), seed: int = 1) -> RandomRows:
    return RandomRows(random_generator(seed, "test"), rows)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_changes_images_each_anew_and_comes_from_the_seed(kind):
    found = augment(IMAGES, [kind], random())
    assert torch.equal(found, augment(IMAGES, [kind], random()))
    assert not torch.equal(found, augment(IMAGES, [kind], random(seed=2)))
    same = augment(IMAGES[:1].expand(64, -1, -1, -1), [kind], random())
    assert len(same.unique(dim=0)) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_see_what_one_sees(kind):
    whole = augment(IMAGES, [kind], random())
    for first in (0, 1):
        rows = slice(first, None, 2)
        assert torch.equal(augment(IMAGES[rows], [kind], random(rows)), whole[rows])


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_go_through_it_and_through_the_slopes(kind):
    images = IMAGES[:4].double().requires_grad_(True)
    drawn = RandomRows(random_generator(1, "test"))
    state = drawn.generator.get_state()

    def again(images: torch.Tensor) -> torch.Tensor:
        drawn.generator.set_state(state)
        return augment(images, [kind], drawn).square().sum((1, 2, 3))

    (slopes,) = torch.autograd.grad(again(images).sum(), images, create_graph=True)
    (curve,) = torch.autograd.grad(slopes.square().sum(), images)
    assert curve.isfinite().all()
    assert curve.abs().sum() > 0


def test_a_flip_mirrors_half_of_the_images():
    found = augmentation.flip(IMAGES, random())
    mirrored = (found == IMAGES.flip(3)).flatten(1).all(1)
    assert ((found == IMAGES).flatten(1).all(1) ^ mirrored).all()
    assert 16 < mirrored.sum() < 48


def test_a_translation_moves_by_an_eighth_at_most_and_fills_with_0():
    mark = torch.zeros(500, 1, 16, 24)
    mark[:, :, 8, 12] = 1
    found = augmentation.translation(mark, random())
    assert (found.sum((1, 2, 3)) == 1).all()
    _, _, down, right = found.nonzero().unbind(1)
    assert down.unique().tolist() == list(range(6, 11))
    assert right.unique().tolist() == list(range(9, 16))
    edge = augmentation.translation(torch.ones(500, 1, 16, 24), random())
    assert edge.unique().tolist() == [0, 1]


def test_a_cutout_is_a_rectangle_of_half_the_sides():
    found = augmentation.cutout(torch.ones(500, 1, 16, 24), random())
    holes = (found == 0).sum((1, 2, 3))
    assert holes.max() == 8 * 12
    assert holes.min() >= 4 * 6  # over a corner
    assert (found == 0).any(0).all()  # anywhere


def test_color_keeps_what_saturation_and_contrast_are_about():
    drawn = random().uniform(64, 3, 1, 1, 1)
    found = augmentation.color(IMAGES, random())
    brightness, saturation, contrast = drawn.unbind(1)
    levels = IMAGES.mean((1, 2, 3)) + brightness.flatten() - 0.5
    torch.testing.assert_close(found.mean((1, 2, 3)), levels)
    spread = found.mean(1).std((1, 2)) / IMAGES.mean(1).std((1, 2))
    torch.testing.assert_close(spread, contrast.flatten() + 0.5)
    hue = (found - found.mean(1, keepdim=True)).std((1, 2, 3))
    before = (IMAGES - IMAGES.mean(1, keepdim=True)).std((1, 2, 3))
    torch.testing.assert_close(hue / before, (2 * saturation * (contrast + 0.5)).flatten())
