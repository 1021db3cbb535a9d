"""The game of a step: who sees what, and what it costs."""

import pytest
import torch
from torch import Tensor, nn

from stages.gan.core.params import experiment_schema
from stages.gan.core.randomness import RandomRows
from stages.gan.core.randomness import generator as random_generator
from stages.gan.losses.bce import BceLoss
from stages.gan.losses.relativistic import RelativisticLoss
from stages.gan.training.game import Game
from stages.gan.training.losses import Loss
from stages.gan.training.penalties import gradient_penalty
from tests.gan.training.test_loop import PARAMS

REAL, LATENTS = torch.randn(8, 2), torch.randn(8, 2)


class Squares(nn.Module):
    """A discriminator that remembers what it was asked of."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.asked: list[Tensor] = []

    def forward(self, samples: Tensor, *classes: Tensor) -> Tensor:
        self.asked.append(samples.detach())
        self.classes = classes
        return self.scale * samples.square().sum(1, keepdim=True)


def game(loss: Loss, **train: object) -> tuple[Game, Squares]:
    settings = experiment_schema().model_validate(PARAMS | {"train": PARAMS["train"] | train}).train
    network = Squares()
    random = RandomRows(random_generator(1, "game"))
    return Game(nn.Linear(2, 2), network, loss, settings, random), network


def test_the_discriminators_objective_is_its_loss_and_what_it_is_fined():
    played, network = game(BceLoss(), r1=0.3, r2=0.2, penalty_every=4)
    objective, loss, logits = played.discriminator(REAL, LATENTS, None, step=8)
    generated = network.asked[0][8:]
    torch.testing.assert_close(network.asked[0][:8], REAL)
    torch.testing.assert_close(logits, network(torch.cat([REAL, generated])).view(2, -1))
    fine = 0.3 * gradient_penalty(network, REAL) + 0.2 * gradient_penalty(network, generated)
    torch.testing.assert_close(objective, loss + 4 * fine)
    objective, loss, _ = played.discriminator(REAL, LATENTS, None, step=9)
    assert objective is loss


def test_a_loss_that_compares_sees_the_real_samples_in_the_generators_half():
    for loss, times in ((BceLoss(), 1), (RelativisticLoss(), 2)):
        played, network = game(loss)
        played.generator(REAL, LATENTS, None)
        assert len(network.asked) == times
    torch.testing.assert_close(network.asked[1], REAL)


def test_both_networks_halves_are_slopes_of_their_own_weights_only():
    played, network = game(RelativisticLoss(), gp=1.0)
    objective, _, _ = played.discriminator(REAL, LATENTS, None, step=0)
    (slope,) = torch.autograd.grad(objective, network.scale)
    assert slope != 0
    assert not any(part.grad is not None for part in network.parameters())


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_noise_is_added_to_real_and_generated_samples_alike(noise):
    played, network = game(BceLoss())
    played.noise = noise
    played.discriminator(torch.zeros(5000, 2), torch.zeros(5000, 2), None, step=0)
    real, generated = network.asked[0].chunk(2)
    assert real.std().item() == pytest.approx(noise, abs=0.02)
    assert (generated - generated.mean(0)).std().item() == pytest.approx(noise, abs=0.02)


def test_who_is_told_the_classes_is_told_those_of_both_kinds():
    played, network = game(BceLoss())
    classes = torch.eye(8)
    played.discriminator(REAL, LATENTS, classes, step=0)
    assert torch.equal(network.classes[0], torch.cat([classes, classes]))
    played.generator(REAL, LATENTS, classes)
    assert torch.equal(network.classes[0], classes)
