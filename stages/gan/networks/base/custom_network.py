"""A network of ``custom.py`` made as the project's are: from the seed alone, to be kept in files."""

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

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)  # the others of PyTorch are refused


class CustomNetwork(nn.Module):
    """A network of ``custom.py``, whose random layers, if any, draw from a generator of their own.

    Args:
        network: as it was made there; it is changed.
        architecture: name and arguments that make it again.
        masks: draws for dropout and other random layers, on the device that the network will be on.
        rows: which rows of a batch it is given in training. It is drawn for all.

    Attributes:
        architecture: the same.
        latent: of a generator, the dimensions of the latent space.
        masks: the same; none where there is no random layer.
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
                layer.__class__ = Linear  # the same, but fast where the libraries are limited
        for parent in list(self.modules()):
            _replace_dropouts(parent)
        random = [layer for layer in self.modules() if isinstance(layer, RandomLayer)]
        self.masks = masks if random else None
        for layer in random:
            if masks is not None:
                layer.random = RandomRows(masks, rows)
        for parameter in self.parameters():  # the optimizer's kernel goes through memory as it lies
            parameter.data = parameter.data.contiguous()

    def forward(self, x: Tensor, *classes: Tensor) -> Tensor:
        """What the network makes of latent points, or of samples, and their classes if it is told."""
        made: Tensor = self.network(x, *classes)
        return made


def builder(declaration: Declaration) -> Callable[..., CustomNetwork]:
    """What makes the network of ``custom.py`` that is declared so."""

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
        # Layers draw their initial weights from the global generator: here it is another one for a while.
        with torch.random.fork_rng(devices=()), pieces.errors_at(declaration):
            draws = 0 if weights is None else int(torch.randint(2**62, (), generator=weights))
            torch.default_generator.manual_seed(draws)
            made = make(**arguments, **told, shape=tuple(shape))
        if not isinstance(made, nn.Module):
            raise declaration.error(f"must give a torch.nn.Module, but gives a {type(made).__name__}")
        if any(isinstance(parameter, UninitializedParameter) for parameter in made.parameters()):
            raise declaration.error("lazy layers cannot be kept in files; say their sizes")
        architecture = {"network": declaration.name, **arguments, **told, "shape": list(shape)}
        with pieces.errors_at(declaration):
            return CustomNetwork(made, architecture, masks, rows)

    return build


def _replace_dropouts(parent: nn.Module) -> None:
    """Replace PyTorch's dropout layers right below a module."""
    for name, layer in parent._modules.items():
        if isinstance(layer, _DROPOUTS):
            if layer.p >= 1:
                raise ValueError(f"nn.Dropout with p = {layer.p} leaves nothing; take one below 1")
            parent._modules[name] = Dropout(layer.p, None if type(layer) is nn.Dropout else 2)
