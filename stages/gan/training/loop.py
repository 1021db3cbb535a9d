"""The training loop: generator against discriminator (Goodfellow et al. 2014, algorithm 1)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stages.gan.core.adam import Adam
from stages.gan.core.datasets import Split
from stages.gan.core.history import Epoch
from stages.gan.core.normalization import Normalization, Rescaled
from stages.gan.core.params import Experiment, Train
from stages.gan.core.randomness import RandomRows
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import registry
from stages.gan.networks.base.sampling import draw
from stages.gan.training import trial
from stages.gan.training.batches import Batches, Real
from stages.gan.training.best import Best, Distance
from stages.gan.training.game import Game
from stages.gan.training.losses import get_loss
from stages.gan.training.process_group import SINGLE, ProcessGroup
from stages.runtime.errors import UserError


class DivergenceError(UserError):
    """A training whose numbers are no longer finite: nothing can come of it."""


class Training:
    """A GAN in training: both networks, what they make small, and the average of the generator's weights.

    In each step the discriminator learns from ``batch_size`` real and as many generated samples in one
    batch, ``d_steps`` times; then the generator learns from fresh latent points through the discriminator. An
    epoch takes the data in a new order, in whole batches: a rest too small for a step waits for another
    epoch's order.

    Everything random is drawn from the seed: the initial weights, and an epoch's order and latent points, on
    the CPU, from generators of that epoch, so that they are the same on every device; dropout's masks, and
    what changes what the discriminator sees, on the device. All is drawn for whole batches: of several
    processes that train together, each takes its rows, the gradients and losses are the means over all, and
    so the weights stay the same in all.

    Args:
        params: of both networks and their training.
        shape: shape of one sample.
        seed: the run's seed.
        device: to train on.
        group: the processes that train together, of which this is one; they must be joined while it trains.
        normalization: of the points, if these are not as the generator makes them.
        counts: of the training samples of each class, if the networks are told the class.

    Attributes:
        generator: maps latent points [B, latent] to samples [B, *shape].
        discriminator: maps samples, or samples and their classes, to logits [B, 1].
        game: what the two make small.
        latent: numbers that the generator takes for a sample.
        generator_ema: the generator with the average of the weights, if one is taken; its samples are in the
            data's units.
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
        counts: Sequence[int] = (),
    ) -> None:
        trial.check(params, shape, device)
        self.generator, self.discriminator = registry.build(
            params.generator, params.discriminator, shape, seed, device, group.rows, counts
        )
        self._settings = settings = params.train
        self._random = RandomRows(random_generator(seed, "game", device=device), group.rows)
        self.game = Game(
            self.generator, self.discriminator, get_loss(params.loss, settings), settings, self._random
        )
        self._classes = len(counts)
        self.latent = int(self.generator.latent)  # type: ignore[arg-type]
        self._seed = seed
        self._group = group
        self._average = weight_average(self.generator, settings.ema) if settings.ema > 0 else None
        self.generator_ema: nn.Module = self.generator if self._average is None else self._average.module
        if normalization is not None:
            self.generator_ema = Rescaled(self.generator_ema, normalization).to(device)
        betas_d, clip = settings.betas_d or settings.betas, settings.clip_norm
        self._adam_d = Adam(self.discriminator.parameters(), betas_d, group.mean, clip)
        self._adam_g = Adam(self.generator.parameters(), settings.betas, group.mean, clip)
        self._best = Best(self.generator_ema, self.discriminator) if settings.keep == "best" else None
        self.epoch, self.step = 1, 0
        self._totals = torch.zeros(4, device=device)  # stay there: reading them would wait for the device

    def epochs(
        self, real: Real, preview: Tensor, between: Callable[[], None] = lambda: None
    ) -> Iterator[Epoch]:
        """Train, from where it is, and yield after every epoch.

        Args:
            real: the training samples, on the device to train on.
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
        settings, game, totals = self._settings, self.game, self._totals
        batches = Batches(real, settings, self.latent - self._classes, self._classes, self._seed, self._group)
        steps = batches.steps
        distance = Distance(self.generator_ema, real) if settings.score_every is not None else None
        self.generator.train()
        self.discriminator.train()
        for number in range(self.epoch, settings.epochs + 1):
            for x, classes, latents in batches.of_epoch(number, self.step):
                step = (number - 1) * steps + self.step
                done = step / (settings.epochs * steps)
                lr, lr_d = learning_rates(settings, done)
                game.noise = settings.instance_noise * (1 - done)
                for i in range(settings.d_steps):
                    objective, loss_d, logits = game.discriminator(x[i], latents[i], classes[i], step)
                    self._adam_d.step(objective, lr_d)
                loss_g = game.generator(x[-1], latents[-1], classes[-1])
                self._adam_g.step(loss_g, lr)

                if self._average is not None:
                    self._average.update_parameters(self.generator)
                with torch.no_grad():
                    answers = torch.stack([loss_d, loss_g, *logits.sigmoid().mean(1)])
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
            shown, score = draw(self.generator_ema, preview), None
            if distance is not None and self._group.is_main and number % (settings.score_every or 1) == 0:
                score = distance()
                if self._best is not None:
                    self._best.offer(number, score, self.generator_ema, self.discriminator)
            self.epoch, self.step = number + 1, 0
            totals.zero_()
            yield Epoch(number, loss_d_mean, loss_g_mean, d_real_mean, d_fake_mean, shown, score)

    @classmethod
    def of(
        cls,
        params: Experiment,
        split: Split,
        *,
        seed: int,
        device: torch.device,
        group: ProcessGroup = SINGLE,
    ) -> "Training":
        """The training with a split's samples; for the rest see the class.

        Raises:
            UserError: the networks are to be told the class, and the samples have none.
        """
        counts = split.class_counts if params.train.condition else []
        if params.train.condition and not counts:
            raise UserError("train.condition: the images have no labels, and so no classes; set it to false")
        return cls(
            params,
            split.shape,
            seed=seed,
            device=device,
            group=group,
            normalization=split.normalization,
            counts=counts,
        )

    @property
    def kept(self) -> tuple[int, nn.Module, nn.Module]:
        """What it leaves, the last or the best: of which epoch, the generator and the discriminator."""
        if self._best is None:
            return self.epoch - 1, self.generator_ema, self.discriminator
        return int(self._best.epoch), self._best.generator, self._best.discriminator

    def start_from(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> None:
        """Begin with the weights of networks that another training left (:attr:`kept`), of the same kind.

        Raises:
            RuntimeError: they do not fit.
        """
        self.generator_ema.load_state_dict(generator)
        self.discriminator.load_state_dict(discriminator)
        if self._average is not None:
            self.generator.load_state_dict(self._average.module.state_dict())

    @property
    def why_no_more(self) -> str | None:
        """Why it cannot go on from its end to more epochs; None: it can, as if it had not stopped."""
        if self._settings.lr_decay != "none":
            return f"lr_decay: {self._settings.lr_decay} falls over all epochs"
        return "instance_noise fades over all epochs" if self._settings.instance_noise > 0 else None

    @property
    def finite(self) -> bool:
        """Whether all its numbers are finite: weights, moments, and the epoch's sums of losses so far."""
        return all(bool(tensor.isfinite().all()) for tensor in self.state_dict().values())

    def state_dict(self) -> dict[str, Tensor]:
        """All that the next step depends on, but for ``epoch`` and ``step``, as it is now."""
        state = {f"{name}.{key}": tensor for name, part in self._parts() for key, tensor in part.items()}
        state |= {name: random.get_state() for name, random in self._generators()}
        return {**state, "totals": self._totals}

    def load_state_dict(self, state: Mapping[str, Tensor], epoch: int, step: int) -> None:
        """Go on where another training of the same parameters, shape and seed was; see :meth:`state_dict`."""
        for name, part in self._parts():
            for key, tensor in part.items():
                tensor.copy_(state[f"{name}.{key}"])
        for name, random in self._generators():
            random.set_state(state[name])
        self._totals.copy_(state["totals"])
        self.epoch, self.step = epoch, step

    def _share(self) -> None:
        """Have all processes go on where the main one is."""
        place = torch.tensor([self.epoch, self.step])
        state = self._group.share({**self.state_dict(), "place": place}, self._totals.device)
        self.load_state_dict(state, *state["place"].tolist())

    def _generators(self) -> Iterator[tuple[str, torch.Generator]]:
        """What draws in a step: the game's chance, and the networks' dropout, where they have it."""
        yield "game", self._random.generator
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
        if self._best is not None:
            yield "best", self._best.state_dict()


def learning_rates(settings: Train, done: float) -> tuple[float, float]:
    """The generator's and the discriminator's when a share ``done`` of all steps, in [0, 1), is done.

    Constant, or along half a cosine from the highest to 0 (Loshchilov & Hutter 2017, equation 5).
    """
    highest = settings.lr, settings.lr if settings.lr_d is None else settings.lr_d
    if settings.lr_decay == "none":
        return highest
    lr, lr_d = (rate * (1 + math.cos(math.pi * done)) / 2 for rate in highest)
    return lr, lr_d


def weight_average(generator: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the generator's weights (Yazıcı et al. 2019).

    Args:
        generator: as it is before the training.
        decay: the average's share in the next average, in [0, 1).
    """
    return AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay))
