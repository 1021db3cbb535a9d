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
    """The losses or weights of a training are no longer finite."""


class Training:
    """A GAN in training: both networks, their objectives, and the average of the generator's weights.

    In each step the discriminator learns ``d_steps`` times, each time from one batch of ``batch_size`` real
    and as many generated samples. Then the generator learns once, through the discriminator, from new latent
    points. An epoch takes the data in a new order, in whole batches; samples left over at its end, too few
    for a step, are not used in this epoch.

    All random numbers come from the seed. The initial weights, and each epoch's order and latent points, are
    drawn on the CPU, so they are the same on every device. Dropout masks, augmentation and instance noise are
    drawn on the device. Everything is drawn for whole batches. If several processes train together, each
    computes its own rows of a batch; gradients and losses are averaged over all processes, so the weights
    stay the same in all of them.

    Args:
        params: parameters of both networks and of their training.
        shape: shape of one sample.
        seed: the run's seed.
        device: the device to train on.
        group: the processes that train together, this one among them; they must be joined during
            :meth:`epochs`.
        normalization: turns the generator's points into the data's units; None if they are in these already.
        counts: number of training samples of each class, if the networks are conditioned on the class.

    Attributes:
        generator: maps latent points [B, latent] to samples [B, *shape].
        discriminator: maps samples, or samples and their classes, to logits [B, 1].
        game: the objectives of both networks.
        latent: numbers in the generator's input, those of the class among them.
        generator_ema: the generator with averaged weights, or the current weights if ``train.ema`` is 0; its
            points are in the data's units.
        epoch: number of the current epoch, from 1 on; after the last one, the number of epochs plus 1.
        step: number of steps done in this epoch.

    Raises:
        UserError: a custom network or loss is not what a training needs.
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
        self._totals = torch.zeros(4, device=device)  # left on the device: reading them would wait for it

    def epochs(
        self, real: Real, preview: Tensor, between: Callable[[], None] = lambda: None
    ) -> Iterator[Epoch]:
        """Train from the current epoch and step on, and yield after every epoch.

        Args:
            real: the training samples, on the device to train on.
            preview: fixed latent points [P, latent]; each epoch contains their samples.
            between: called after each step except the last of an epoch. During this call, and while an epoch
                is yielded, the training is between two steps and :meth:`state_dict` may be called.

        Raises:
            UserError: there are fewer samples than one step needs.
            DivergenceError: a loss or a weight is no longer finite. This is checked at the end of an epoch,
                with the same result in all processes.
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
        """The training for a split's samples; the other arguments are those of the class.

        Raises:
            UserError: ``train.condition`` is set, but the samples have no labels; or as for the class.
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
        """What is saved, of the last or of the best epoch: its number, the generator, the discriminator."""
        if self._best is None:
            return self.epoch - 1, self.generator_ema, self.discriminator
        return int(self._best.epoch), self._best.generator, self._best.discriminator

    def start_from(self, generator: Mapping[str, Tensor], discriminator: Mapping[str, Tensor]) -> None:
        """Begin with the weights that another training saved (:attr:`kept`), of the same architectures.

        Args:
            generator: the generator's weights by name.
            discriminator: the discriminator's weights by name.

        Raises:
            RuntimeError: the weights do not fit the networks.
        """
        self.generator_ema.load_state_dict(generator)
        self.discriminator.load_state_dict(discriminator)
        if self._average is not None:
            self.generator.load_state_dict(self._average.module.state_dict())

    @property
    def why_no_more(self) -> str | None:
        """Why this training cannot be continued for more epochs; None if it can, with the same bytes."""
        if self._settings.lr_decay != "none":
            return f"lr_decay: {self._settings.lr_decay} falls over all epochs"
        return "instance_noise fades over all epochs" if self._settings.instance_noise > 0 else None

    @property
    def finite(self) -> bool:
        """Whether all numbers of the state are finite: weights, moments, and this epoch's sums of losses."""
        return all(bool(tensor.isfinite().all()) for tensor in self.state_dict().values())

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, except ``epoch`` and ``step``.

        Weights, moments and sums are not copies: the next step changes them.
        """
        state = {f"{name}.{key}": tensor for name, part in self._parts() for key, tensor in part.items()}
        state |= {name: random.get_state() for name, random in self._generators()}
        return {**state, "totals": self._totals}

    def load_state_dict(self, state: Mapping[str, Tensor], epoch: int, step: int) -> None:
        """Continue where another training of the same parameters, shape and seed was.

        Args:
            state: its :meth:`state_dict`.
            epoch: its epoch.
            step: its step in that epoch.
        """
        for name, part in self._parts():
            for key, tensor in part.items():
                tensor.copy_(state[f"{name}.{key}"])
        for name, random in self._generators():
            random.set_state(state[name])
        self._totals.copy_(state["totals"])
        self.epoch, self.step = epoch, step

    def _share(self) -> None:
        """Set all processes to the state of the main one."""
        place = torch.tensor([self.epoch, self.step])
        state = self._group.share({**self.state_dict(), "place": place}, self._totals.device)
        self.load_state_dict(state, *state["place"].tolist())

    def _generators(self) -> Iterator[tuple[str, torch.Generator]]:
        """The random generators of a step, by name: the game's, and those of the networks' dropout."""
        yield "game", self._random.generator
        for name, network in (("masks", self.discriminator), ("masks_g", self.generator)):
            if (masks := getattr(network, "masks", None)) is not None:
                yield name, masks

    def _parts(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """The tensors that a step changes in place, by name."""
        yield "generator", self.generator.state_dict()
        yield "discriminator", self.discriminator.state_dict()
        yield "adam_g", self._adam_g.state_dict()
        yield "adam_d", self._adam_d.state_dict()
        if self._average is not None:
            yield "average", self._average.state_dict()
        if self._best is not None:
            yield "best", self._best.state_dict()


def learning_rates(settings: Train, done: float) -> tuple[float, float]:
    """The learning rates of the generator and the discriminator.

    They are constant, or fall to 0 along half a cosine (Loshchilov & Hutter 2017, equation 5).

    Args:
        settings: give the highest rates, and how they fall.
        done: share of all steps that is done, in [0, 1).
    """
    highest = settings.lr, settings.lr if settings.lr_d is None else settings.lr_d
    if settings.lr_decay == "none":
        return highest
    lr, lr_d = (rate * (1 + math.cos(math.pi * done)) / 2 for rate in highest)
    return lr, lr_d


def weight_average(generator: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the generator's weights (Yazıcı et al. 2019).

    Args:
        generator: the generator before the training.
        decay: weight of the old average in the new one, in [0, 1).
    """
    return AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(decay))
