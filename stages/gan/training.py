"""The training loop: generator against discriminator (Goodfellow et al. 2014, algorithm 1)."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stages.gan.devices import move
from stages.gan.errors import UserError
from stages.gan.history import Epoch
from stages.gan.losses import Loss, gradient_penalty
from stages.gan.params import Train
from stages.gan.randomness import generator as random_generator
from stages.gan.sampling import draw

_BLOCK = 256  # steps whose latent points are drawn, and taken to the device, in one go


def train(
    real: Tensor,
    generator: nn.Module,
    discriminator: nn.Module,
    loss: Loss,
    preview: Tensor,
    settings: Train,
    *,
    seed: int,
    average: AveragedModel | None = None,
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
        settings: the numbers of it: epochs, batch size, Adam's learning rate and decay rates (Kingma & Ba
            2015), the learning rate's decay and the weight of the gradient penalty.
        seed: the run's seed.
        average: of the generator's weights, taken along; then the previews are its samples.

    Raises:
        UserError: there are fewer samples than make a batch, or a loss is no longer finite.
    """
    steps = steps_per_epoch(len(real), settings.batch_size)
    kept = generator if average is None else average.module
    betas = (settings.betas[0], settings.betas[1])
    to_learn = list(generator.parameters())
    adam_d, adam_g = (
        torch.optim.Adam(network.parameters(), lr=settings.lr, betas=betas, fused=True)
        for network in (discriminator, generator)
    )
    adams = (adam_d, adam_g) if settings.lr_decay == "cosine" else ()
    schedules = [CosineAnnealingLR(adam, settings.epochs * steps) for adam in adams]
    generator.train()
    discriminator.train()
    done = 0
    for number in range(1, settings.epochs + 1):
        totals = torch.zeros(4, device=real.device)  # stays on the device: reading it would wait for it
        order = torch.randperm(len(real), generator=random_generator(seed, "order", number))
        batches = move(order, real.device).split(settings.batch_size)[:steps]
        noise = random_generator(seed, "latent", number)
        latents = _latents(steps, settings.batch_size, preview.shape[1], noise, real.device)
        for batch, (latents_d, latents_g) in zip(batches, latents, strict=True):
            x = real[batch]
            with torch.no_grad():
                fake = generator(latents_d)
            logits_real, logits_fake = discriminator(torch.cat([x, fake])).chunk(2)
            loss_d = loss.discriminator(logits_real, logits_fake)
            adam_d.zero_grad()
            loss_d.backward()
            if settings.r1 > 0 and done % settings.r1_every == 0:
                weight = settings.r1 * settings.r1_every
                (weight * gradient_penalty(discriminator, x)).backward()
            adam_d.step()

            loss_g = loss.generator(discriminator(generator(latents_g)))
            adam_g.zero_grad()
            loss_g.backward(inputs=to_learn)  # spares the discriminator's
            adam_g.step()

            for schedule in schedules:
                schedule.step()
            if average is not None:
                average.update_parameters(generator)
            done += 1
            with torch.no_grad():
                d_real, d_fake = logits_real.sigmoid().mean(), logits_fake.sigmoid().mean()
                totals += torch.stack([loss_d, loss_g, d_real, d_fake])
        loss_d_mean, loss_g_mean, d_real_mean, d_fake_mean = (totals / steps).tolist()
        if not math.isfinite(loss_d_mean + loss_g_mean):
            raise UserError(
                f"train: a loss is no longer finite in epoch {number} (discriminator {loss_d_mean}, "
                f"generator {loss_g_mean}); lower train.lr"
            )
        yield Epoch(number, loss_d_mean, loss_g_mean, d_real_mean, d_fake_mean, preview=draw(kept, preview))


def weight_average(generator: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the generator's weights (Yazıcı et al. 2019).

    Args:
        generator: as it is before the training.
        decay: the average's share in the next average, in [0, 1).
    """
    return AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay))


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
        yield from move(torch.randn(block, 2, batch_size, latent, generator=noise), device)
