"""The interface of a loss, and how the one that params.yaml names is made."""

import inspect
from collections.abc import Callable
from typing import Protocol, cast

from torch import Tensor

from stages.gan.core.params import pieces
from stages.gan.core.params.blocks import Train
from stages.gan.core.params.declarations import Declaration


class Loss(Protocol):
    """The losses of both networks, as functions of the discriminator's logits.

    ``real`` and ``generated`` are the logits of real and of generated samples, [B, 1] each. Row i of both is
    a pair: of the same class, if the networks are conditioned on the class. Results are scalars.
    """

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """The discriminator's loss."""

    generator: Callable[..., Tensor]
    """The generator's loss: ``generator(generated)``, or ``generator(real, generated)`` if the loss compares
    both. For the latter, the logits of the step's real samples are computed once more."""


def get_loss(declaration: Declaration, train: Train) -> Loss:
    """Make a loss.

    Args:
        declaration: its class, of the project or in ``custom.py``.
        train: contains the values of its parameters.

    Raises:
        UserError: its methods do not take the arguments of :class:`Loss`.
    """
    made = pieces.load(declaration)
    given = {name: value for name in declaration.arguments if (value := getattr(train, name)) is not None}
    with pieces.errors_at(declaration):
        loss = made(**given)
        methods = {name: _takes(getattr(loss, name)) for name in ("discriminator", "generator")}
    known = {"discriminator": [["real", "generated"]], "generator": [["generated"], ["real", "generated"]]}
    for name, takes in methods.items():
        if takes not in known[name]:
            raise declaration.error(
                f"{name} takes ({', '.join(takes)}), but a loss is given the logits of real and of generated "
                "samples apart: discriminator(self, real, generated), and generator(self, generated), or "
                "generator(self, real, generated) where it compares them"
            )
    return cast(Loss, loss)


def compares(loss: Loss) -> bool:
    """Whether the generator's loss also needs the logits of real samples."""
    return "real" in _takes(loss.generator)


def _takes(method: Callable[..., object]) -> list[str]:
    return list(inspect.signature(method).parameters)
