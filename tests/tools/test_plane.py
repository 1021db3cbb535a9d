import torch
from PIL import Image

from stages.tools import plane


def test_the_plane_has_as_many_points_in_every_equal_part():
    z = plane.latents(10)
    assert z.shape == (100, 2)
    assert torch.equal(z[0], z[-1].flip(0))  # from the top left to the bottom right
    shares = torch.special.ndtr(z.double())
    assert torch.allclose(shares.view(10, 10, 2)[0, :, 0], torch.arange(10, dtype=torch.float64) / 10 + 0.05)


def test_the_figure_shows_points_of_more_dimensions_by_the_first_two(tmp_path):
    plane.save(tmp_path / "a.png", torch.rand(16, 3, generator=torch.Generator().manual_seed(1)), 4)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (946, 429)
