"""Adam without PyTorch's bookkeeping, which for small networks takes longer than the arithmetic."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) with PyTorch's fused kernel and ε = 1e-8.

    It gives the same weights as ``torch.optim.Adam(…, fused=True)``, bit for bit. :meth:`step` computes the
    gradients and uses them at once. It stores none in a parameter, so none has to be set to zero.

    Args:
        parameters: the parameters to learn, all on one device; changed in place.
        betas: decay rates of the two moments, two numbers in [0, 1).
        mean: averages the gradients over all processes that train together; the default is for one process.
        clip_norm: the largest norm that all gradients together may have (Pascanu et al. 2013); larger
            gradients are scaled down to it. None: no limit.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        betas: Sequence[float],
        mean: Callable[[Sequence[Tensor]], Sequence[Tensor]] = lambda gradients: gradients,
        clip_norm: float | None = None,
    ) -> None:
        self._parameters = list(parameters)
        self._betas = betas
        self._mean = mean
        self._clip_norm = clip_norm
        self._values = [parameter.detach() for parameter in self._parameters]  # contiguous, like all weights
        self._means = [torch.zeros_like(value) for value in self._values]
        self._squares = [torch.zeros_like(value) for value in self._values]
        self._steps = [torch.zeros((), dtype=torch.float32, device=value.device) for value in self._values]

    def step(self, loss: Tensor, lr: float) -> None:
        """Take one step that reduces ``loss``, a scalar, with the learning rate ``lr``."""
        gradients = self._mean(torch.autograd.grad(loss, self._parameters))
        if self._clip_norm is not None:
            norm = torch.nn.utils.get_total_norm(gradients)
            share = (self._clip_norm / norm).clamp(max=1)  # a norm of 0 gives infinity, and so 1
            gradients = [gradient * share for gradient in gradients]
        adam(
            self._values,
            [gradient.contiguous() for gradient in gradients],  # the kernel ignores strides
            self._means,
            self._squares,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=lr,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Tensor]:
        """The moments and the numbers of steps: the tensors in use, not copies."""
        return {f"{kind}.{i}": tensor for kind, all_ in self._state() for i, tensor in enumerate(all_)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Copy the values that :meth:`state_dict` returned."""
        for kind, tensors in self._state():
            for i, tensor in enumerate(tensors):
                tensor.copy_(state[f"{kind}.{i}"])

    def _state(self) -> list[tuple[str, list[Tensor]]]:
        return [("means", self._means), ("squares", self._squares), ("steps", self._steps)]
