"""What a GPU computes: skipped where there is none."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from stages.gan.core import weights
from stages.gan.core.params import experiment_schema
from stages.gan.core.randomness import generator as random_generator
from stages.gan.judges import models
from stages.gan.networks.base import registry
from stages.gan.networks.base.sampling import Sampler
from stages.gan.training import process_group
from stages.gan.training.batches import Real
from stages.gan.training.loop import Training
from stages.runtime.errors import UserError
from tests.gan.training.worker import CASES

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no NVIDIA GPU here")
GPU = torch.device("cuda")
KINDS = [case for case in CASES if case != "not finite"]
STEPS = 4  # of an epoch: 35 samples, 8 in a batch
DRAWN = ("masks", "game")  # the states of generators, which are of another size on each kind of device


def start(case: str, device: torch.device = GPU) -> Training:
    params = experiment_schema().model_validate(CASES[case])
    counts = [7] * 5 if params.train.condition else []
    return Training(params, (1, 8, 8), seed=5, device=device, counts=counts)


def finish(gan: Training, kept: list[tuple[dict[str, Tensor], int, int]] | None = None) -> list[Tensor]:
    """The epochs' previews; what the training is after each step goes to ``kept``."""
    real = torch.randn(35, 1, 8, 8, generator=torch.Generator().manual_seed(0)).tanh()

    def keep() -> None:
        if kept is not None:
            state = {name: tensor.cpu().clone() for name, tensor in gan.state_dict().items()}
            kept.append((state, gan.epoch, gan.step))

    told = Real(real.to(GPU), (torch.arange(35) % 5).to(GPU))
    return [epoch.preview for epoch in gan.epochs(told, torch.zeros(4, gan.latent), keep)]


def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize("case", KINDS)
def test_starts_with_the_weights_that_a_cpu_starts_with(case):
    here, there = start(case, torch.device("cpu")).state_dict(), start(case).state_dict()
    assert all(torch.equal(here[name], there[name].cpu()) for name in here if name not in DRAWN)
    on_cpu = {name for name, tensor in there.items() if tensor.device.type == "cpu"}
    assert on_cpu <= {*DRAWN, "average.n_averaged"}  # generators' states, a count: no step waits for these


@pytest.mark.parametrize("case", KINDS)
def test_the_same_training_gives_the_same_bytes(case):
    first, second = start(case), start(case)
    previews = finish(first)
    assert all(map(torch.equal, previews, finish(second)))
    assert same(first.state_dict(), second.state_dict())


@pytest.mark.parametrize("case", KINDS)
def test_goes_on_from_between_two_steps(case):
    whole, kept = start(case), []
    finish(whole, kept)
    for state in (kept[0], kept[STEPS], kept[-1]):
        other = start(case)
        other.load_state_dict(*state)
        finish(other)
        assert same(whole.state_dict(), other.state_dict())


@pytest.mark.parametrize("case", KINDS)
def test_its_generator_draws_the_same_on_a_cpu(case, tmp_path):
    gan = start(case)
    finish(gan)
    weights.save(tmp_path / "generator.safetensors", gan.generator_ema, {})
    drawn = []
    for device in (GPU, torch.device("cpu")):
        network, _ = weights.load(tmp_path / "generator.safetensors", registry.get_generator, device)
        assert next(network.parameters()).device.type == device.type
        drawn.append(torch.cat(list(Sampler(network, 5).samples(1200))).int())
    assert drawn[0].shape == (1200, 1, 8, 8)
    assert (drawn[0] - drawn[1]).abs().max() <= 1


@pytest.mark.parametrize("kind", ["images", "points"])
def test_judges_are_fitted_to_the_same_bytes(kind):
    random = torch.Generator().manual_seed(0)
    if kind == "images":
        x, y = torch.randn(100, 1, 8, 8, generator=random), torch.arange(100) % 10
    else:
        x = torch.randn(100, 1, generator=random)
        y = x.sin()
    fitted, losses = [], []
    for _ in range(2):
        initial = random_generator(1, "judge")
        judge = (
            models.ImageJudge((1, 8, 8), [4, 8], 16, 10, initial)
            if kind == "images"
            else models.Regressor(1, [8, 8], initial)
        ).to(GPU)
        losses.append(list(models.fit(judge, x.to(GPU), y.to(GPU), epochs=5, batch_size=32, lr=0.01, seed=1)))
        fitted.append(judge)
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][0]
    assert same(fitted[0].state_dict(), fitted[1].state_dict())
    answers = models.predict(fitted[0], x)
    assert answers.device.type == "cpu"
    assert torch.allclose(answers, models.predict(fitted[1].cpu(), x), atol=1e-4)


def test_more_processes_than_gpus_are_refused():
    there = torch.cuda.device_count()
    with pytest.raises(
        UserError, match=rf"train\.processes: {there + 1} on this machine, but it has {there} GPU"
    ):
        process_group.ProcessGroup(0, there + 1).device(GPU)
