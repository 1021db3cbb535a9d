import pytest
import torch

from stages.gan.core.datasets import Split
from stages.gan.evaluation.coverage import coverage
from stages.gan.judges.models import ImageJudge, Judges


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_of_points_it_is_their_first_two_coordinates(columns):
    real = Split(torch.rand(50, columns, generator=torch.Generator().manual_seed(1)))
    found = coverage(real.samples * 2, torch.zeros(50, 1), real, torch.nn.Identity())
    assert torch.equal(found, real.samples[:, :2].double() * 2)


def test_shares_of_classes_are_counted_from_the_judges_answers(images):
    answers = torch.nn.functional.one_hot(torch.tensor([0, 0, 0, 1]), 10).float()
    found = coverage(images.samples[:4], answers, images, torch.nn.Identity())
    assert found.flatten().tolist() == [0.75, 0.25, *[0] * 8]


@pytest.mark.parametrize("features", [1, 5])
def test_images_without_labels_lie_where_the_real_ones_vary_most(images, features):
    real = Split(images.samples)
    judge = ImageJudge(real.shape, [2], features, None, torch.Generator().manual_seed(3))
    with torch.no_grad():
        seen = judge.features(real.normalized)
    found = coverage(real.samples[:7], seen[:7], real, Judges([judge]))
    assert found.shape == (80 + 7, 3)
    assert found[:, 2].tolist() == [0] * 80 + [1] * 7
    assert torch.allclose(found[80:, :2], found[:7, :2], atol=1e-6)  # the same images, at the same places
    spread = found[:80, :2].var(0)
    assert spread[0] >= spread[1]
    largest = torch.linalg.eigvalsh(torch.atleast_2d(seen.double().T.cov()))[-1]
    assert spread[0].item() == pytest.approx(largest.item())
