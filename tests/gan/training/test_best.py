import pytest
import torch
import yaml

from stages.gan.core import params
from stages.gan.core.normalization import Normalization, Rescaled
from stages.gan.networks.mlp import MlpGenerator
from stages.gan.training.batches import Real
from stages.gan.training.best import Best, Distance
from stages.gan.training.loop import Training
from tests import calls

CPU = torch.device("cpu")
REAL = Real(torch.randn(64, 2, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def train():
    """Train sine's networks in tiny epochs."""

    def train(**changes: object) -> tuple[Training, list[float | None]]:
        block = yaml.safe_load(calls.PARAMS.read_text())["sine"]
        block["train"] |= {"epochs": 6, "batch_size": 16, "lr": 0.01, **changes}
        gan = Training(params.experiment_schema().model_validate(block), (2,), seed=7, device=CPU)
        found = [epoch.distance for epoch in gan.epochs(REAL, torch.zeros(1, 2))]
        return gan, found

    return train


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def test_the_networks_of_the_epoch_with_the_least_distance_are_kept(train):
    gan, distances = train(score_every=1, keep="best", ema=0.5)
    epoch, generator, discriminator = gan.kept
    assert distances[epoch - 1] == min(distances)
    shorter, _ = train(epochs=epoch, ema=0.5)
    assert same(generator, shorter.generator_ema)
    assert same(discriminator, shorter.discriminator)


def test_to_measure_changes_nothing_else(train):
    plain, nothing = train()
    measured, distances = train(score_every=2)
    assert nothing == [None] * 6
    assert [distance is not None for distance in distances] == [False, True] * 3
    assert same(plain.generator, measured.generator)
    assert measured.kept[0] == 6
    assert measured.kept[1] is measured.generator_ema


def test_best_takes_what_is_nearer_and_nothing_else():
    networks = [MlpGenerator(2, [4], (2,), torch.Generator().manual_seed(seed)) for seed in range(3)]
    best = Best(networks[0], networks[0])
    for epoch, distance, network in ((1, 0.5, networks[1]), (2, 0.5, networks[2]), (3, 0.7, networks[2])):
        best.offer(epoch, distance, network, network)
    assert int(best.epoch) == 1
    assert same(best.generator, networks[1])
    best.offer(4, 0.4, networks[2], networks[1])
    assert same(best.generator, networks[2])
    assert same(best.discriminator, networks[1])


def test_the_distance_is_that_of_points_as_networks_see_them():
    network = MlpGenerator(2, [4], (2,), torch.Generator().manual_seed(1)).eval()
    rescaled = Rescaled(network, Normalization((100.0, -3.0), (50.0, 0.1)))
    assert Distance(rescaled, REAL)() == Distance(network, REAL)()
    assert Distance(network, Real(network(torch.randn(2000, 2)).detach()))() < 0.3 * Distance(network, REAL)()


def test_a_training_begins_with_the_networks_of_another(train):
    first, _ = train(epochs=2, ema=0.5)
    block = yaml.safe_load(calls.PARAMS.read_text())["sine"]
    block["train"] |= {"ema": 0.5}
    second = Training(params.experiment_schema().model_validate(block), (2,), seed=8, device=CPU)
    _, generator, discriminator = first.kept
    second.start_from(generator.state_dict(), discriminator.state_dict())
    for network in (second.generator, second.generator_ema):
        assert same(network, generator)
    assert same(second.discriminator, discriminator)
    with pytest.raises(RuntimeError, match="size mismatch"):
        second.start_from({k: v[:1] for k, v in generator.state_dict().items()}, discriminator.state_dict())
