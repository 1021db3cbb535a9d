import pytest
import torch

from stages.gan.datasets import Split


@pytest.fixture
def points() -> Split:
    return Split(torch.rand(50, 2, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def images() -> Split:
    noise = torch.Generator().manual_seed(0)
    labels = torch.arange(10).repeat(8)
    return Split(torch.randint(0, 256, (80, 1, 8, 8), generator=noise, dtype=torch.uint8), labels)


@pytest.fixture(params=["points", "images"])
def split(request) -> Split:
    return request.getfixturevalue(request.param)
