"""What a loss is, and the one that params.yaml names."""

from typing import Protocol, cast

from torch import Tensor

from stages.gan.core.params import pieces
from stages.gan.core.params.declarations import Declaration


class Loss(Protocol):
    """A pair of losses on the discriminator's logits."""

    def discriminator(self, logits: Tensor) -> Tensor:
        """What the discriminator makes small; logits [2B, 1] of B real, then of B generated samples."""

    def generator(self, logits: Tensor) -> Tensor:
        """What the generator makes small; logits [B, 1] of generated samples."""


def get_loss(declaration: Declaration) -> Loss:
    """The loss that is declared so, of the project or in ``custom.py``."""
    made = pieces.load(declaration)
    with pieces.errors_at(declaration):
        return cast(Loss, made())
