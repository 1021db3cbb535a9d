"""The training loop: generator against discriminator (Goodfellow et al. 2014, algorithm 1)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stages.gan.core.adam import Adam
from stages.gan.core.devices import move
from stages.gan.core.history import Epoch
from stages.gan.core.normalization import Normalization, Rescaled
from stages.gan.core.params import Experiment, Train
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import registry
from stages.gan.networks.base.sampling import draw
from stages.gan.training import trial
from stages.gan.training.losses import get_loss
from stages.gan.training.penalties import gradient_penalty
from stages.gan.training.process_group import SINGLE, ProcessGroup
from stages.runtime.errors import UserError

_BLOCK = 256  # steps whose latent points are drawn, and taken to the device, in one go


class DivergenceError(UserError):
    """A training whose numbers are no longer finite: nothing can come of it."""


class Training:
    """A GAN in training: both networks, what they make small, and the average of the generator's weights.

    In each step the discriminator learns from ``batch_size`` real and as many generated samples in one
    batch; then the generator learns from fresh latent points through the discriminator. An epoch takes the
    data in a new order, in whole batches: a rest smaller than a batch waits for another epoch's order.

    Everything random is drawn from the seed: the initial weights, and an epoch's order and latent points, on
    the CPU, from generators of that epoch, so that they are the same on every device; dropout's masks on the
    device. All is drawn for whole batches: of several processes that train together, each takes its rows,
    the gradients and losses are the means over all, and so the weights stay the same in all.

    Args:
        params: of both networks and their training.
        shape: shape of one sample.
        seed: the run's seed.
        device: to train on.
        group: the processes that train together, of which this is one; they must be joined while it trains.
        normalization: of the points, if these are not as the generator makes them.

    Attributes:
        generator: maps latent points [B, latent] to samples [B, *shape].
        discriminator: maps samples to logits [B, 1].
        generator_ema: the generator that is kept: that with the average of the weights, if one is taken; its
            samples are in the data's units.
        loss: what the two make small.
        latent: dimensions of the latent space.
        epoch: the epoch it is in, 1 for the first; one more than there are when all are done.
        step: how many steps of this epoch are done.
    """

    def __init__(
        self,
        params: Experiment,
        shape: Sequence[int],
        *,
        seed: int,
        device: torch.device,
        group: ProcessGroup = SINGLE,
        normalization: Normalization | None = None,
    ) -> None:
        trial.check(params, shape, device)
        self.generator, self.discriminator = registry.build(
            params.generator, params.discriminator, shape, seed, device, group.rows
        )
        self.loss = get_loss(params.loss)
        self._settings = params.train
        self.latent: int = params.generator.model_dump()["latent"]
        self._seed = seed
        self._group = group
        self._average = weight_average(self.generator, params.train.ema) if params.train.ema > 0 else None
        self.generator_ema: nn.Module = self.generator if self._average is None else self._average.module
        if normalization is not None:
            self.generator_ema = Rescaled(self.generator_ema, normalization).to(device)
        betas = (params.train.betas[0], params.train.betas[1])
        self._adam_d = Adam(self.discriminator.parameters(), betas, group.mean)
        self._adam_g = Adam(self.generator.parameters(), betas, group.mean)
        self.epoch, self.step = 1, 0
        self._totals = torch.zeros(4, device=device)  # stay there: reading them would wait for the device

    def epochs(
        self, real: Tensor, preview: Tensor, between: Callable[[], None] = lambda: None
    ) -> Iterator[Epoch]:
        """Train, from where it is, and yield after every epoch.

        Args:
            real: training samples [N, *shape] as the generator makes them, on the device to train on.
            preview: fixed latent points [P, latent], whose samples each epoch hands on.
            between: is called after each step but an epoch's last, where the training is whole: here, as
                where an epoch is yielded, :meth:`state_dict` may be asked for.

        Raises:
            UserError: there are fewer samples than make a batch.
            DivergenceError: a loss or a weight is no longer finite; this is seen at an epoch's end, and in
                all processes.
            PeerLostError: another process has ended.
        """
        if self._group.world_size > 1:
            self._share()
        settings, generator, discriminator = self._settings, self.generator, self.discriminator
        steps = steps_per_epoch(len(real), settings.batch_size)
        adam_d, adam_g, totals = self._adam_d, self._adam_g, self._totals
        generator.train()
        discriminator.train()
        for number in range(self.epoch, settings.epochs + 1):
            for x, (latents_d, latents_g) in self._batches(real, number, self.step, steps):
                done = (number - 1) * steps + self.step
                lr = learning_rate(settings, done / (settings.epochs * steps))
                with torch.no_grad():
                    fake = generator(latents_d)
                logits = discriminator(torch.cat([x, fake]))
                loss_d = self.loss.discriminator(logits)
                objective = loss_d
                if settings.r1 > 0 and done % settings.r1_every == 0:
                    weight = settings.r1 * settings.r1_every
                    objective = loss_d + weight * gradient_penalty(discriminator, x)
                adam_d.step(objective, lr)

                loss_g = self.loss.generator(discriminator(generator(latents_g)))
                adam_g.step(loss_g, lr)

                if self._average is not None:
                    self._average.update_parameters(generator)
                with torch.no_grad():
                    answers = torch.stack([loss_d, loss_g, *logits.sigmoid().view(2, -1).mean(1)])
                    totals += self._group.mean([answers])[0]
                self.step += 1
                if self.step < steps:
                    between()
            loss_d_mean, loss_g_mean, d_real_mean, d_fake_mean = (totals / steps).tolist()
            if not self.finite:
                raise DivergenceError(
                    f"train: the losses or weights are no longer finite in epoch {number} (loss of the "
                    f"discriminator {loss_d_mean}, of the generator {loss_g_mean}); lower train.lr"
                )
            shown = draw(self.generator_ema, preview)
            self.epoch, self.step = number + 1, 0
            totals.zero_()
            yield Epoch(number, loss_d_mean, loss_g_mean, d_real_mean, d_fake_mean, preview=shown)

    @property
    def finite(self) -> bool:
        """Whether all its numbers are finite: weights, moments, and the epoch's sums of losses so far."""
        return all(bool(tensor.isfinite().all()) for tensor in self.state_dict().values())

    def state_dict(self) -> dict[str, Tensor]:
        """All that the next step depends on, but for ``epoch`` and ``step``, as it is now."""
        state = {f"{name}.{key}": tensor for name, part in self._parts() for key, tensor in part.items()}
        state |= {name: masks.get_state() for name, masks in self._masks()}
        return {**state, "totals": self._totals}

    def load_state_dict(self, state: Mapping[str, Tensor], epoch: int, step: int) -> None:
        """Go on where another training of the same parameters, shape and seed was; see :meth:`state_dict`."""
        for name, part in self._parts():
            for key, tensor in part.items():
                tensor.copy_(state[f"{name}.{key}"])
        for name, masks in self._masks():
            masks.set_state(state[name])
        self._totals.copy_(state["totals"])
        self.epoch, self.step = epoch, step

    def _share(self) -> None:
        """Have all processes go on where the main one is."""
        place = torch.tensor([self.epoch, self.step])
        state = self._group.share({**self.state_dict(), "place": place}, self._totals.device)
        self.load_state_dict(state, *state["place"].tolist())

    def _masks(self) -> Iterator[tuple[str, torch.Generator]]:
        """What draws the networks' dropout masks, where they have dropout."""
        for name, network in (("masks", self.discriminator), ("masks_g", self.generator)):
            if (masks := getattr(network, "masks", None)) is not None:
                yield name, masks

    def _parts(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The tensors that a step changes, in place."""
        yield "generator", self.generator.state_dict()
        yield "discriminator", self.discriminator.state_dict()
        yield "adam_g", self._adam_g.state_dict()
        yield "adam_d", self._adam_d.state_dict()
        if self._average is not None:
            yield "average", self._average.state_dict()

    def _batches(self, real: Tensor, epoch: int, done: int, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
        """For each step of an epoch after those that are ``done``, real samples and the latent points.

        The latter are [2, B, latent], those of both networks; B counts this process's rows. What was drawn
        for the steps that are done is drawn again, in the same blocks, and lies in memory as it did: either
        may change the last bits.
        """
        whole, rows = self._settings.batch_size, self._group.rows
        size = whole // self._group.world_size
        order = torch.randperm(len(real), generator=random_generator(self._seed, "order", epoch))
        noise = random_generator(self._seed, "latent", epoch)
        batches = move(order[rows], real.device).split(size)[:steps]
        for start in range(0, steps, _BLOCK):
            block = batches[start : start + _BLOCK]
            latents = torch.randn(len(block), 2, whole, self.latent, generator=noise)[:, :, rows]
            if (skip := max(0, done - start)) < len(block):
                samples = real[torch.cat(block)].split(size)
                yield from zip(samples[skip:], move(latents, real.device)[skip:], strict=True)


def learning_rate(settings: Train, done: float) -> float:
    """The learning rate when a share ``done`` of all steps, in [0, 1), is done.

    Constant, or along half a cosine from ``lr`` to 0 (Loshchilov & Hutter 2017, equation 5).
    """
    return settings.lr * (1 + math.cos(math.pi * done)) / 2 if settings.lr_decay == "cosine" else settings.lr


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
