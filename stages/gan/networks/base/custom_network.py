"""A network of ``custom.py`` made as the project's are: from the seed alone, to be kept in files."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from stages.gan.core.params import pieces
from stages.gan.core.params.declarations import Declaration
from stages.gan.core.products import Linear

_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)  # the others of PyTorch are refused


class CustomNetwork(nn.Module):
    """A network of ``custom.py``, whose dropout layers, if any, draw from a generator of their own.

    Args:
        network: as it was made there; it is changed.
        architecture: name and arguments that make it again.
        masks: draws the dropout masks, on the device that the network will be on.
        rows: which rows of a batch it is given in training. Masks are drawn for all.

    Attributes:
        architecture: the same.
        latent: of a generator, the dimensions of the latent space.
        masks: the same; none where there is no dropout.
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
        dropouts = [_replace(parent, masks, rows) for parent in list(self.modules())]
        self.masks = masks if any(dropouts) else None
        for parameter in self.parameters():  # the optimizer's kernel goes through memory as it lies
            parameter.data = parameter.data.contiguous()

    def forward(self, x: Tensor) -> Tensor:
        """What the network makes of latent points, or of samples."""
        made: Tensor = self.network(x)
        return made


class Dropout(nn.Module):
    """Dropout (Srivastava et al. 2014) that draws from a generator of its own.

    Args:
        p: probability with which a value is set to zero in training; the others are divided by 1 - p.
        whole: how many dimensions of a batch a value of the mask is for: 2 (rows and channels) for images
            whose maps are dropped as a whole; None for all.
        masks: draws the masks.
        rows: which rows of a batch come here.
    """

    def __init__(self, p: float, whole: int | None, masks: torch.Generator | None, rows: slice) -> None:
        super().__init__()
        self.p = p
        self._whole = whole
        self._masks = masks
        self._rows = rows

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of ``x`` [N, …] in training."""
        if not self.training or self.p == 0:
            return x
        drawn = [len(x) * self._rows.step, *x.shape[1 : self._whole]]
        drawn += [1] * (x.dim() - len(drawn))
        mask = torch.rand(drawn, generator=self._masks, device=x.device) >= self.p
        return x * mask[self._rows] / (1 - self.p)


def builder(declaration: Declaration) -> Callable[..., CustomNetwork]:
    """What makes the network of ``custom.py`` that is declared so."""

    def build(
        shape: Sequence[int],
        weights: torch.Generator | None = None,
        masks: torch.Generator | None = None,
        rows: slice = slice(0, None, 1),
        **arguments: Any,
    ) -> CustomNetwork:
        make = pieces.load(declaration)
        # Layers draw their initial weights from the global generator: here it is another one for a while.
        with torch.random.fork_rng(devices=()), pieces.errors_at(declaration):
            draws = 0 if weights is None else int(torch.randint(2**62, (), generator=weights))
            torch.default_generator.manual_seed(draws)
            made = make(**arguments, shape=tuple(shape))
        if not isinstance(made, nn.Module):
            raise declaration.error(f"must give a torch.nn.Module, but gives a {type(made).__name__}")
        if any(isinstance(parameter, UninitializedParameter) for parameter in made.parameters()):
            raise declaration.error("lazy layers cannot be kept in files; say their sizes")
        architecture = {"network": declaration.name, **arguments, "shape": list(shape)}
        with pieces.errors_at(declaration):
            return CustomNetwork(made, architecture, masks, rows)

    return build


def _replace(parent: nn.Module, masks: torch.Generator | None, rows: slice) -> bool:
    """Replace dropout layers right below a module; returns whether there was one."""
    found = False
    for name, layer in parent._modules.items():
        if isinstance(layer, _DROPOUTS):
            if layer.p >= 1:
                raise ValueError(f"nn.Dropout with p = {layer.p} leaves nothing; take one below 1")
            whole = None if type(layer) is nn.Dropout else 2
            parent._modules[name] = Dropout(layer.p, whole, masks, rows)
            found = True
    return found
