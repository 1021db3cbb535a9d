"""Networks of ``custom.py``, made like the project's own: random numbers from the seed, weights in files."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from stages.gan.core.layers import Dropout, RandomLayer
from stages.gan.core.params import pieces
from stages.gan.core.params.declarations import Declaration
from stages.gan.core.products import Linear
from stages.gan.core.randomness import RandomRows

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)  # PyTorch's others are not supported


class CustomNetwork(nn.Module):
    """A network of ``custom.py`` whose random layers draw from a random generator of its own.

    Args:
        network: the network as ``custom.py`` makes it; its dropout and linear layers are replaced.
        architecture: the name and the arguments that build it again.
        masks: draws for dropout and other random layers, on the device that the network will be on.
        rows: the rows of a whole batch that the network gets in training. Random layers draw for the whole
            batch.

    Attributes:
        architecture: the name and the arguments that build it again.
        latent: dimensions of a generator's latent space, with the class's numbers; None for discriminators.
        masks: draws for random layers; None if there are none.

    Raises:
        ValueError: a dropout layer drops everything.
    """

    def __init__(
        self, network: nn.Module, architecture: dict[str, Any], masks: torch.Generator | None, rows: slice
    ) -> None:
        super().__init__()
        self.network = network
        self.architecture = architecture
        self.latent = architecture.get("latent")
        for layer in self.modules():
            if type(layer) is nn.Linear:
                layer.__class__ = Linear  # the same layer, but faster with `portable`
        for parent in list(self.modules()):
            _replace_dropouts(parent)
        random = [layer for layer in self.modules() if isinstance(layer, RandomLayer)]
        self.masks = masks if random else None
        for layer in random:
            if masks is not None:
                layer.random = RandomRows(masks, rows)
        for parameter in self.parameters():  # the optimiser's kernel ignores strides
            parameter.data = parameter.data.contiguous()

    def forward(self, x: Tensor, *classes: Tensor) -> Tensor:
        """Map latent points to samples, or samples (and one-hot rows of their classes) to logits."""
        made: Tensor = self.network(x, *classes)
        return made


def builder(declaration: Declaration) -> Callable[..., CustomNetwork]:
    """A function that builds a network of ``custom.py``.

    It takes what :func:`stages.gan.networks.base.registry.build_one` gives, and the network's own parameters.

    Raises:
        UserError: by the function: the network cannot be made, or is not what a training needs.
    """

    def build(
        shape: Sequence[int],
        weights: torch.Generator | None = None,
        masks: torch.Generator | None = None,
        rows: slice = slice(0, None, 1),
        classes: int = 0,
        **arguments: Any,
    ) -> CustomNetwork:
        told = {"classes": classes} if classes else {}
        make = pieces.load(declaration)
        # Layers draw their initial weights from the global generator, which is seeded and then set back.
        with torch.random.fork_rng(devices=()), pieces.errors_at(declaration):
            draws = 0 if weights is None else int(torch.randint(2**62, (), generator=weights))
            torch.default_generator.manual_seed(draws)
            made = make(**arguments, **told, shape=tuple(shape))
        if not isinstance(made, nn.Module):
            raise declaration.error(f"must give a torch.nn.Module, but gives a {type(made).__name__}")
        if any(isinstance(parameter, UninitializedParameter) for parameter in made.parameters()):
            raise declaration.error("lazy layers cannot be saved; use the layers that take their sizes")
        architecture = {"network": declaration.name, **arguments, **told, "shape": list(shape)}
        with pieces.errors_at(declaration):
            return CustomNetwork(made, architecture, masks, rows)

    return build


def _replace_dropouts(parent: nn.Module) -> None:
    """Replace the dropout layers among a module's direct children."""
    for name, layer in parent._modules.items():
        if isinstance(layer, _DROPOUTS):
            if layer.p >= 1:
                raise ValueError(f"nn.Dropout with p = {layer.p} drops everything; take p below 1")
            parent._modules[name] = Dropout(layer.p, None if type(layer) is nn.Dropout else 2)
