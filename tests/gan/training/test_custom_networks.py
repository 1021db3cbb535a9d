"""Custom networks in training: from the seed alone, and kept whole."""

from functools import partial

import pytest
import torch

from stages.gan.core import params, weights
from stages.gan.networks.base.registry import get_generator, get_network
from stages.gan.training.batches import Real
from stages.gan.training.loop import Training
from stages.runtime.errors import UserError

CPU = torch.device("cpu")
SHAPE = (1, 8, 8)


def train(experiment: params.Experiment, seed: int = 1) -> Training:
    return Training(experiment, SHAPE, seed=seed, device=CPU)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


REAL = torch.rand(40, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1
PREVIEW = torch.randn(4, 5, generator=torch.Generator().manual_seed(2))


def test_initial_weights_come_from_the_seed_and_nothing_is_drawn_from_the_global_generator(plain):
    experiment = plain()
    before = torch.get_rng_state()
    first, again, other = (train(experiment, seed) for seed in (1, 1, 2))
    assert same(first.state_dict(), again.state_dict())
    assert not torch.equal(first.generator.network[0].weight, other.generator.network[0].weight)
    previews = []
    for gan in (first, again):
        previews.append([epoch.preview for epoch in gan.epochs(Real(REAL), PREVIEW)])
        torch.rand(3)  # whatever else draws from the global one
        torch.set_rng_state(before)
    assert all(torch.equal(a, b) for a, b in zip(*previews, strict=True))
    assert same(first.state_dict(), again.state_dict())
    assert first.state_dict()["generator.network.1.num_batches_tracked"] == 30


def test_a_training_goes_on_bit_for_bit_with_buffers_and_both_networks_masks(plain):
    experiment = plain()
    saved: list[tuple[dict[str, torch.Tensor], int, int]] = []
    whole, halfway = train(experiment), train(experiment)

    def keep() -> None:
        state = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
        saved.append((state, whole.epoch, whole.step))

    for _ in whole.epochs(Real(REAL), PREVIEW, keep):
        pass
    state, epoch, step = saved[5]
    assert {"masks", "masks_g", "average.module.network.1.running_mean"} <= state.keys()
    halfway.load_state_dict(state, epoch, step)
    for _ in halfway.epochs(Real(REAL), PREVIEW):
        pass
    assert same(whole.state_dict(), halfway.state_dict())


def test_a_preview_changes_nothing_of_a_training(plain):
    gan = train(plain(ema=0))
    before = {name: tensor.clone() for name, tensor in gan.state_dict().items()}
    epochs = gan.epochs(Real(REAL), PREVIEW)
    first = next(epochs)
    state = gan.state_dict()
    assert gan.generator.training
    assert state["generator.network.1.num_batches_tracked"] == 10  # two a step, and five steps
    assert not same(before, state)
    assert first.preview.dtype == torch.uint8


def test_files_keep_networks_with_all_their_buffers(plain, tmp_path):
    gan = train(plain())
    for _ in gan.epochs(Real(REAL), PREVIEW):
        pass
    path = tmp_path / "generator.safetensors"
    weights.save(path, gan.generator_ema, {"seed": 1})
    found, about = weights.load(path, get_generator, CPU)
    assert about["architecture"] == {"network": "plain", "latent": 5, "width": 8, "shape": [1, 8, 8]}
    assert same(found.state_dict(), gan.generator_ema.state_dict())
    assert torch.equal(found(PREVIEW), gan.generator_ema.eval()(PREVIEW))
    weights.save(path, gan.discriminator, {})
    assert weights.load(path, partial(get_network, "discriminator"), CPU)[0](REAL).shape == (40, 1)
    with pytest.raises(UserError, match="not a readable network of this project"):
        weights.load(path, get_generator, CPU)
