import torch

from stages.gan.core.randomness import generator


def draw(*use) -> torch.Tensor:
    return torch.rand(4, generator=generator(*use))


def test_a_stream_depends_on_seed_and_use_alone():
    assert torch.equal(draw(111, "latent", 1), draw(111, "latent", 1))
    streams = [draw(111, "latent", 1), draw(111, "latent", 2), draw(111, "order", 1), draw(1, "latent", 1)]
    assert len({tuple(stream.tolist()) for stream in streams}) == 4


def test_the_seed_of_a_use_stays_what_it_is():
    """Another one would change every result of the project."""
    assert generator(111, "latent", 1).initial_seed() == 3630322414356571348
    assert generator(2**63 - 1, "x").initial_seed() == 9174296132895599929
