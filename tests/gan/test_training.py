import math

import pytest
import torch
from torch import nn

from stages.gan import training
from stages.gan.errors import UserError
from stages.gan.losses import LOSSES, gradient_penalty
from stages.gan.mlp import MlpDiscriminator, MlpGenerator
from stages.gan.params import Train
from stages.gan.randomness import generator as random_generator

SETTINGS = Train(
    loss="bce",
    epochs=3,
    batch_size=8,
    lr=0.01,
    betas=[0.9, 0.999],
    preview=4,
    image_every=1,
    checkpoint_every=1,
)


def networks(dropout: float = 0.0) -> tuple[nn.Module, nn.Module]:
    return (
        MlpGenerator(3, [8], (2,), random_generator(5, "generator")),
        MlpDiscriminator((2,), [8, 8], dropout, random_generator(5, "d"), random_generator(5, "dropout")),
    )


def run(pair: tuple[nn.Module, nn.Module], data: torch.Tensor, seed=5, average=None, **settings) -> list:
    train = SETTINGS.model_copy(update=settings)
    loss = LOSSES[train.loss]()
    return list(training.train(data, *pair, loss, torch.zeros(4, 3), train, seed=seed, average=average))


@pytest.fixture
def data() -> torch.Tensor:
    return torch.randn(35, 2, generator=torch.Generator().manual_seed(0))


def test_the_same_seed_gives_the_same_bits_and_the_global_generator_is_left_alone(data):
    first, second = networks(0.3), networks(0.3)
    before = torch.get_rng_state()
    history = run(first, data)
    torch.rand(7)  # what others draw changes nothing
    again = run(second, data)
    torch.set_rng_state(before)
    for a, b in zip(first, second, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert [epoch.loss_d for epoch in history] == [epoch.loss_d for epoch in again]
    assert torch.equal(history[-1].preview, again[-1].preview)

    state = torch.get_rng_state()
    run(networks(0.3), data)
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_another_training(data):
    assert run(networks(), data)[-1].loss_d != run(networks(), data, seed=6)[-1].loss_d


def test_an_epoch_tells_losses_answers_and_the_preview(data):
    pair = networks()
    history = run(pair, data)
    assert [epoch.number for epoch in history] == [1, 2, 3]
    for epoch in history:
        assert epoch.loss_d > 0
        assert epoch.loss_g > 0
        assert 0 < epoch.d_real < 1
        assert 0 < epoch.d_fake < 1
        assert epoch.preview.shape == (4, 2)
    assert torch.equal(history[-1].preview, pair[0](torch.zeros(4, 3)).detach())


def test_latents_are_drawn_in_blocks_without_a_seam(monkeypatch, data):
    whole = run(networks(), data)
    monkeypatch.setattr(training, "_BLOCK", 1000)
    assert [e.loss_g for e in run(networks(), data)] == [e.loss_g for e in whole]


def test_a_batch_larger_than_the_data_is_refused(data):
    with pytest.raises(UserError, match=r"train\.batch_size: 36 is more than the 35 training samples"):
        run(networks(), data, batch_size=36)


def test_a_loss_that_is_not_finite_stops_the_training(data):
    with pytest.raises(UserError, match="no longer finite in epoch 1"):
        run(networks(), data * float("nan"))


def test_the_average_of_the_weights_is_an_exponential_one_and_what_the_previews_show(data):
    pair = networks()
    average = training.weight_average(pair[0], 0.9)
    followed, history = None, []
    settings = SETTINGS.model_copy(update={"batch_size": 35, "epochs": 4})  # an epoch is a step
    for epoch in training.train(
        data, *pair, LOSSES["bce"](), torch.zeros(4, 3), settings, seed=5, average=average
    ):
        weights = torch.cat([p.detach().flatten() for p in pair[0].parameters()])
        followed = weights if followed is None else 0.9 * followed + 0.1 * weights
        history.append(epoch)
    kept = torch.cat([p.detach().flatten() for p in average.module.parameters()])
    torch.testing.assert_close(kept, followed)
    assert not torch.equal(kept, weights)
    assert torch.equal(history[-1].preview, average.module(torch.zeros(4, 3)).detach())


def test_a_cosine_takes_the_learning_rate_to_zero(data, monkeypatch):
    rates: list[float] = []
    step = torch.optim.Adam.step

    def recorded(self, *arguments, **named):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *arguments, **named)

    monkeypatch.setattr(torch.optim.Adam, "step", recorded)
    run(networks(), data, lr_decay="cosine", epochs=5)
    steps = 5 * (35 // 8)
    assert rates[::2] == rates[1::2]  # both networks'
    expected = [0.005 * (1 + math.cos(math.pi * number / steps)) for number in range(steps)]
    assert rates[::2] == pytest.approx(expected)


def test_the_gradient_penalty_keeps_the_discriminator_flat(data):
    def slope(**settings) -> float:
        pair = networks()
        run(pair, data, epochs=20, **settings)
        return gradient_penalty(pair[1].eval(), data).item()

    assert slope(r1=1.0) < 0.5 * slope()
    assert slope(r1=1.0, r1_every=4) < 0.5 * slope()
