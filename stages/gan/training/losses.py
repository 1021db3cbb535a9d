"""What a loss is, and the one that params.yaml names."""

import inspect
from collections.abc import Callable
from typing import Protocol, cast

from torch import Tensor

from stages.gan.core.params import pieces
from stages.gan.core.params.blocks import Train
from stages.gan.core.params.declarations import Declaration


class Loss(Protocol):
    """A pair of losses on the discriminator's logits of real and of generated samples, [B, 1] each.

    Row i of both is a pair: of one class, where the networks know classes.
    """

    def discriminator(self, real: Tensor, generated: Tensor) -> Tensor:
        """What the discriminator makes small."""

    generator: Callable[..., Tensor]
    """What the generator makes small: ``generator(generated)``, or ``generator(real, generated)`` of a loss
    that compares them; then the discriminator is asked of the step's real samples once more."""


def get_loss(declaration: Declaration, train: Train) -> Loss:
    """The loss that is declared so, of the project or in ``custom.py``, with its parameters in ``train``.

    Raises:
        UserError: its methods take something else.
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
    """Whether the generator's half needs the logits of real samples, too."""
    return "real" in _takes(loss.generator)


def _takes(method: Callable[..., object]) -> list[str]:
    return list(inspect.signature(method).parameters)
