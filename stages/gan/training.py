"""The training loop: generator against discriminator (Goodfellow et al. 2014, algorithm 1)."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from stages.gan.errors import UserError
from stages.gan.history import Epoch
from stages.gan.randomness import generator as random_generator
from stages.gan.sampling import draw


class Loss(Protocol):
    """A pair of losses on the discriminator's logits; see ``losses.py``."""

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """What the discriminator makes small."""

    def generator(self, generated: Tensor) -> Tensor:
        """What the generator makes small."""


_BLOCK = 256  # steps whose latent points are drawn, and taken to the device, in one go


def train(
    real: Tensor,
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    preview: Tensor,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    betas: Sequence[float],
    seed: int,
) -> Iterator[Epoch]:
    """Train both networks in place and yield after every epoch.

    In each step the discriminator learns from ``batch_size`` real and as many generated samples in one
    batch; then the generator learns from fresh latent points through the discriminator. An epoch takes the
    data in a new order, in whole batches: a rest smaller than a batch waits for another epoch's order.

    Everything random is drawn from the seed: the order and the latent points of an epoch on the CPU, from
    generators of that epoch, so that they are the same on every device.

    Args:
        real: training samples [N, *shape] as the generator makes them, on the device to train on.
        generator: maps latent points [B, generator.latent] to samples [B, *shape]; on the same device.
        discriminator: maps samples to logits [B, 1]; on the same device.
        loss: what the two make small.
        preview: fixed latent points [P, latent], whose samples each epoch hands on.
        epochs: passes over the data.
        batch_size: real samples in a step.
        lr: Adam's learning rate, for both networks.
        betas: Adam's two decay rates (Kingma & Ba 2015).
        seed: the run's seed.

    Raises:
        UserError: there are fewer samples than make a batch, or a loss is no longer finite.
    """
    steps = steps_per_epoch(len(real), batch_size)
    to_learn = list(generator.parameters())
    adam_d, adam_g = (
        torch.optim.Adam(network.parameters(), lr=lr, betas=(betas[0], betas[1]), fused=True)
        for network in (discriminator, generator)
    )
    generator.train()
    discriminator.train()
    for number in range(1, epochs + 1):
        totals = torch.zeros(4, device=real.device)  # stays on the device: reading it would wait for it
        order = torch.randperm(len(real), generator=random_generator(seed, "order", number))
        batches = order.to(real.device).split(batch_size)[:steps]
        noise = random_generator(seed, "latent", number)
        latents = _latents(steps, batch_size, preview.shape[1], noise, real.device)
        for batch, (latents_d, latents_g) in zip(batches, latents, strict=True):
            x = real[batch]
            with torch.no_grad():
                fake = generator(latents_d)
            logits_real, logits_fake = discriminator(torch.cat([x, fake])).chunk(2)
            loss_d = loss.discriminator(logits_real, logits_fake)
            adam_d.zero_grad()
            loss_d.backward()
            adam_d.step()

            loss_g = loss.generator(discriminator(generator(latents_g)))
            adam_g.zero_grad()
            loss_g.backward(inputs=to_learn)  # spares the discriminator's
            adam_g.step()

            with torch.no_grad():
                d_real, d_fake = logits_real.sigmoid().mean(), logits_fake.sigmoid().mean()
                totals += torch.stack([loss_d, loss_g, d_real, d_fake])
        loss_d_mean, loss_g_mean, d_real_mean, d_fake_mean = (totals / steps).tolist()
        if not math.isfinite(loss_d_mean + loss_g_mean):
            raise UserError(
                f"train: a loss is no longer finite in epoch {number} (discriminator {loss_d_mean}, "
                f"generator {loss_g_mean}); lower train.lr"
            )
        yield Epoch(
            number, loss_d_mean, loss_g_mean, d_real_mean, d_fake_mean, preview=draw(generator, preview)
        )


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Whole batches in ``samples``.

    Raises:
        UserError: there is not one.
    """
    if samples < batch_size:
        raise UserError(
            f"train.batch_size: {batch_size} is more than the {samples} training samples there are"
        )
    return samples // batch_size


def _latents(
    steps: int, batch_size: int, latent: int, noise: torch.Generator, device: torch.device
) -> Iterator[Tensor]:
    """Latent points [2, batch_size, latent] for each step: the discriminator's and the generator's."""
    for start in range(0, steps, _BLOCK):
        block = min(_BLOCK, steps - start)
        yield from torch.randn(block, 2, batch_size, latent, generator=noise).to(device)
