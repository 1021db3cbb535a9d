"""The game of a step: what each network minimises (Goodfellow et al. 2014, equation 1, and later losses)."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from stages.gan.core.params import Train
from stages.gan.core.randomness import RandomRows
from stages.gan.training.augmentation import augment
from stages.gan.training.losses import Loss, compares
from stages.gan.training.penalties import gradient_penalty, lipschitz_penalty


class Game:
    """Both networks and their objectives.

    All samples are [B, *shape], normalised: images are in [-1, 1]. ``classes`` are one-hot rows [B, C], or
    None if the networks are not conditioned on the class; if they are, latent points end with these rows.

    Args:
        generator: maps latent points [B, latent] to samples [B, *shape].
        discriminator: maps samples, or samples and ``classes``, to logits [B, 1].
        loss: the loss on the logits.
        settings: give the penalties and the augmentation.
        random: draws the random numbers of a step, other than latent points and dropout masks.

    Attributes:
        loss: the loss on the logits.
        noise: standard deviation of the noise that is added to the discriminator's input (instance noise,
            Sønderby et al. 2017, section 3.3); 0 or more.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, loss: Loss, settings: Train, random: RandomRows
    ) -> None:
        self._generator, self._discriminator = generator, discriminator
        self.loss, self._compares = loss, compares(loss)
        self._settings, self._random = settings, random
        self.noise = 0.0

    def discriminator(
        self, real: Tensor, latents: Tensor, classes: Tensor | None, step: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The discriminator's objective on a batch.

        Args:
            real: real samples [B, *shape].
            latents: latent points [B, latent] of as many generated samples.
            classes: classes of the real samples, which the generated ones share [B, C].
            step: number of steps done before; penalties count in every ``penalty_every``-th step.

        Returns:
            The objective (a scalar: the loss with penalties), the loss alone (a scalar), and the logits
            [2, B] of the real and of the generated samples.
        """
        with torch.no_grad():
            generated = self._generator(latents)
        both = None if classes is None else torch.cat([classes, classes])
        logits = self._logits(torch.cat([real, generated]), both)
        loss = self.loss.discriminator(*logits.chunk(2))
        objective = loss
        if step % self._settings.penalty_every == 0:
            for penalty in self._penalties(real, generated, classes):
                objective = objective + self._settings.penalty_every * penalty
        return objective, loss, logits.view(2, -1)

    def generator(self, real: Tensor, latents: Tensor, classes: Tensor | None) -> Tensor:
        """The generator's loss, a scalar; the arguments are those of :meth:`discriminator`."""
        generated = self._logits(self._generator(latents), classes)
        if not self._compares:
            return self.loss.generator(generated)
        with torch.no_grad():
            beside = self._logits(real, classes)
        return self.loss.generator(beside, generated)

    def _penalties(self, real: Tensor, generated: Tensor, classes: Tensor | None) -> Iterator[Tensor]:
        """The weighted penalties, for each weight in the settings that is not 0."""
        settings, asked = self._settings, partial(self._logits, classes=classes)
        if settings.r1 > 0:
            yield settings.r1 * gradient_penalty(asked, real)
        if settings.r2 > 0:
            yield settings.r2 * gradient_penalty(asked, generated)
        if settings.gp > 0:
            shares = self._random.uniform(len(real), *[1] * (real.dim() - 1))
            yield settings.gp * lipschitz_penalty(asked, real, generated, shares)

    def _logits(self, samples: Tensor, classes: Tensor | None) -> Tensor:
        """The discriminator's logits [B, 1] of samples, after augmentation and instance noise."""
        if self._settings.augment:
            samples = augment(samples, self._settings.augment, self._random)
        if self.noise > 0:
            samples = samples + self.noise * self._random.normal(*samples.shape)
        answer = self._discriminator(samples) if classes is None else self._discriminator(samples, classes)
        logits: Tensor = answer
        return logits
