import math

import pytest
import torch

from stages.gan.core.adam import Adam
from stages.gan.core.history import Epoch
from stages.gan.core.params import experiment_schema
from stages.gan.training import batches, loop
from stages.gan.training.batches import Real
from stages.gan.training.loop import DivergenceError, Training
from stages.gan.training.penalties import gradient_penalty
from stages.runtime.errors import UserError

PARAMS = {
    "data": {"source": "sine", "points": 35, "seed": 5},
    "judge": {"network": "mlp", "hidden": [8], "epochs": 1, "batch_size": 8, "lr": 0.01, "seed": 5},
    "generator": {"network": "mlp", "latent": 3, "hidden": [8]},
    "discriminator": {"network": "mlp", "hidden": [8, 8], "dropout": 0.0},
    "train": {
        "loss": "bce",
        "epochs": 3,
        "batch_size": 8,
        "lr": 0.01,
        "preview": 4,
        "image_every": 1,
        "checkpoint_every": 1,
    },
    "sample": {"count": 10},
}


def gan(seed: int = 5, dropout: float = 0.0, **train) -> Training:
    changed = PARAMS | {
        "train": PARAMS["train"] | train,
        "discriminator": PARAMS["discriminator"] | {"dropout": dropout},
    }
    return Training(experiment_schema().model_validate(changed), (2,), seed=seed, device=torch.device("cpu"))


def run(training: Training, data: torch.Tensor | Real) -> list[Epoch]:
    real = data if isinstance(data, Real) else Real(data)
    return list(training.epochs(real, torch.zeros(4, training.latent)))


@pytest.fixture
def data() -> torch.Tensor:
    return torch.randn(35, 2, generator=torch.Generator().manual_seed(0))


def test_the_same_seed_gives_the_same_bits_and_the_global_generator_is_left_alone(data):
    first, second = gan(dropout=0.3), gan(dropout=0.3)
    before = torch.get_rng_state()
    history = run(first, data)
    torch.rand(7)  # what others draw changes nothing
    again = run(second, data)
    torch.set_rng_state(before)
    for a, b in ((first.generator, second.generator), (first.discriminator, second.discriminator)):
        assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert [epoch.loss_d for epoch in history] == [epoch.loss_d for epoch in again]
    assert torch.equal(history[-1].preview, again[-1].preview)

    state = torch.get_rng_state()
    run(gan(dropout=0.3), data)
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_another_training(data):
    assert run(gan(), data)[-1].loss_d != run(gan(seed=6), data)[-1].loss_d


def test_an_epoch_has_losses_answers_and_the_preview(data):
    trained = gan()
    history = run(trained, data)
    assert [epoch.number for epoch in history] == [1, 2, 3]
    for epoch in history:
        assert epoch.loss_d > 0
        assert epoch.loss_g > 0
        assert 0 < epoch.d_real < 1
        assert 0 < epoch.d_fake < 1
        assert epoch.preview.shape == (4, 2)
    assert trained.generator_ema is trained.generator
    assert torch.equal(history[-1].preview, trained.generator_ema(torch.zeros(4, 3)).detach())


def test_latents_are_drawn_in_blocks_without_a_seam(monkeypatch, data):
    whole = run(gan(), data)
    monkeypatch.setattr(batches, "_BLOCK", 3)
    assert [e.loss_g for e in run(gan(), data)] == [e.loss_g for e in whole]


def test_a_batch_larger_than_the_data_is_refused(data):
    with pytest.raises(UserError, match=r"train\.batch_size: 8 is more than the 3 training samples"):
        run(gan(), data[:3])


def test_a_loss_that_is_not_finite_stops_the_training(data):
    with pytest.raises(DivergenceError, match="no longer finite in epoch 1"):
        run(gan(), data * float("nan"))


def test_weights_that_are_not_finite_stop_the_training_though_the_losses_are(data, monkeypatch):
    steps = len(data) // 4
    # The share that is done before the last step, whose loss is computed before it.
    last = 1 - 1 / (3 * steps)
    monkeypatch.setattr(loop, "learning_rates", lambda _, done: (math.inf if done >= last else 1e-3,) * 2)
    with pytest.raises(DivergenceError, match=r"in epoch 3 \(loss of the discriminator 0\.\d+, of"):
        run(gan(batch_size=4, epochs=3), data)


def test_the_average_of_the_weights_is_an_exponential_one_and_what_the_previews_show(data):
    trained = gan(ema=0.9, batch_size=35, epochs=4)  # an epoch is a step
    followed, history = None, []
    for epoch in trained.epochs(Real(data), torch.zeros(4, 3)):
        weights = torch.cat([p.detach().flatten() for p in trained.generator.parameters()])
        followed = weights if followed is None else 0.9 * followed + 0.1 * weights
        history.append(epoch)
    average = torch.cat([p.detach().flatten() for p in trained.generator_ema.parameters()])
    torch.testing.assert_close(average, followed)
    assert not torch.equal(average, weights)
    assert torch.equal(history[-1].preview, trained.generator_ema(torch.zeros(4, 3)).detach())


def test_a_cosine_takes_the_learning_rate_to_zero(data, monkeypatch):
    rates: list[float] = []
    step = Adam.step

    def recorded(self, loss, lr):
        rates.append(lr)
        step(self, loss, lr)

    monkeypatch.setattr(Adam, "step", recorded)
    run(gan(lr_decay="cosine", epochs=5), data)
    steps = 5 * (35 // 8)
    assert rates[::2] == rates[1::2]  # both networks'
    expected = [0.005 * (1 + math.cos(math.pi * number / steps)) for number in range(steps)]
    assert rates[::2] == pytest.approx(expected)


def test_the_gradient_penalty_keeps_the_discriminator_flat(data):
    def slope(**settings) -> float:
        trained = gan(epochs=20, **settings)
        run(trained, data)
        return gradient_penalty(trained.discriminator.eval(), data).item()

    assert slope(r1=1.0) < 0.5 * slope()
    assert slope(r1=1.0, penalty_every=4) < 0.5 * slope()


class StopError(Exception):
    """Ends a training between two steps."""


def stop_after(steps: int, trained: Training, data: torch.Tensor | Real) -> None:
    calls = iter(range(1, steps + 1))

    def between() -> None:
        if next(calls) == steps:
            raise StopError

    real = data if isinstance(data, Real) else Real(data)
    with pytest.raises(StopError):
        list(trained.epochs(real, torch.zeros(4, trained.latent), between))


VARIANTS = {
    "mlp": {"dropout": 0.3},
    "all": {"dropout": 0.3, "ema": 0.9, "lr_decay": "cosine", "r1": 1.0, "penalty_every": 3, "loss": "hinge"},
    "relativistic": {
        **{"loss": "relativistic", "r1": 0.1, "r2": 0.1, "instance_noise": 0.2, "clip_norm": 0.5, "ema": 0.9},
        **{"lr_d": 0.02, "betas_d": [0.0, 0.9]},
    },
    "wasserstein": {"loss": "wasserstein", "gp": 10.0, "d_steps": 2, "batch_size": 4, "dropout": 0.3},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_training_goes_on_from_any_step_to_the_bit(variant, data, monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK", 3)
    whole = gan(**VARIANTS[variant])
    expected = run(whole, data)
    for stop in range(1, 9):  # of 12 steps, of which 4 are an epoch
        first = gan(**VARIANTS[variant])
        stop_after(stop, first, data)
        state = {name: tensor.clone() for name, tensor in first.state_dict().items()}
        second = gan(**VARIANTS[variant])
        second.load_state_dict(state, first.epoch, first.step)
        history = run(second, data)
        assert [e.number for e in history] == list(range(first.epoch, 4))
        for ours, theirs in zip(history, expected[first.epoch - 1 :], strict=True):
            assert (ours.loss_d, ours.loss_g, ours.d_real) == (theirs.loss_d, theirs.loss_g, theirs.d_real)
            assert torch.equal(ours.preview, theirs.preview)
        for name, tensor in whole.state_dict().items():
            assert torch.equal(tensor, second.state_dict()[name]), name


def test_a_training_goes_on_between_two_epochs(data):
    whole = gan(dropout=0.3)
    run(whole, data)
    first = gan(dropout=0.3)
    next(iter(first.epochs(Real(data), torch.zeros(4, 3))))
    second = gan(dropout=0.3)
    second.load_state_dict(first.state_dict(), first.epoch, first.step)
    assert (second.epoch, second.step) == (2, 0)
    assert len(run(second, data)) == 2
    assert run(second, data) == []  # all is done
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


TOLD = {"condition": True, "augment": ["flip", "color", "translation", "cutout"]}


@pytest.mark.parametrize("network", ["mlp", "conv", "residual"])
@pytest.mark.parametrize("train", [{}, TOLD], ids=["plain", "told the class, augmented"])
def test_images_go_on_to_the_bit(network, train):
    narrow = {"channels": [4, 2], "latent": 3} | ({"attention": True} if network == "residual" else {})
    changed = PARAMS | {
        "data": {"source": "digits", "seed": 5},
        "judge": {**PARAMS["judge"], "network": "cnn", "channels": [4], "features": 4},
        "generator": {"network": network, **narrow},
        "discriminator": {"network": network, "channels": [2, 4], "spectral_norm": True},
        "train": PARAMS["train"] | train,
    }
    if network == "mlp":
        changed |= {key: PARAMS[key] for key in ("generator", "discriminator")}
    del changed["judge"]["hidden"]
    params = experiment_schema().model_validate(changed)
    random = torch.Generator().manual_seed(0)
    real = Real(torch.randn(35, 1, 8, 8, generator=random), torch.arange(35) % 5)
    counts = [7] * 5 if train else []
    whole, first, second = (
        Training(params, (1, 8, 8), seed=5, device=torch.device("cpu"), counts=counts) for _ in range(3)
    )
    run(whole, real)
    stop_after(5, first, real)
    second.load_state_dict(first.state_dict(), first.epoch, first.step)
    run(second, real)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name
