import torch

from stages.tools import interpolation


def test_the_path_goes_from_one_point_to_the_other_and_back():
    first, second = torch.randn(2, 50, generator=torch.Generator().manual_seed(1))
    path = interpolation.path(first, second, 60)
    assert path.shape == (60, 50)
    assert torch.allclose(path[0], first)
    assert torch.allclose(path[30], second, atol=1e-6)
    assert torch.allclose(path[1:], path[1:].flip(0), atol=1e-6)  # back as forth
    steps = (torch.cat([path, path[:1]]).diff(dim=0)).norm(dim=1)
    assert steps.max() < 0.1 * (second - first).norm()  # the last frame's to the first among them


def test_between_standard_normal_points_all_are():
    first, second = torch.randn(2, 100_000, generator=torch.Generator().manual_seed(1))
    deviations = interpolation.path(first, second, 8).std(1)
    assert torch.allclose(deviations, torch.ones(8), atol=0.01)


def test_frames_are_alike_in_size(images, points):
    frames = list(interpolation.images(images.samples[:3], images))
    assert [frame.shape for frame in frames] == [(224, 224)] * 3
    assert frames[0][0, 0] == images.samples[0, 0, 0, 0]
    drawn = list(interpolation.points(points.samples[:2], points.samples))
    assert drawn[0].shape == drawn[1].shape
    assert (drawn[0] != drawn[1]).any()
