"""Adam, as thin as it can be: for small networks, an optimizer's bookkeeping takes longer than its sums."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) by PyTorch's fused kernel, with ε = 1e-8.

    The weights are those that ``torch.optim.Adam(…, fused=True)`` gives, to the bit. Gradients go from the
    loss straight into the step: none is kept in a parameter, so none needs to be set to zero.

    Args:
        parameters: what to learn, on one device; changed in place.
        betas: decay rates of the two moments, two numbers in [0, 1).
        mean: of the gradients, over all processes that train together; by default there is one.
        clip_norm: the most that the norm of all gradients may be (Pascanu et al. 2013); longer ones are
            shortened to it.
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
        """Make a scalar loss smaller by one step with a learning rate."""
        gradients = self._mean(torch.autograd.grad(loss, self._parameters))
        if self._clip_norm is not None:
            norm = torch.nn.utils.get_total_norm(gradients)
            share = (self._clip_norm / norm).clamp(max=1)  # infinite, and so 1, where the norm is 0
            gradients = [gradient * share for gradient in gradients]
        adam(
            self._values,
            [gradient.contiguous() for gradient in gradients],  # the kernel goes through memory as it lies
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
        """The moments and the counts of steps, as they are now."""
        return {f"{kind}.{i}": tensor for kind, all_ in self._state() for i, tensor in enumerate(all_)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over what :meth:`state_dict` gave."""
        for kind, tensors in self._state():
            for i, tensor in enumerate(tensors):
                tensor.copy_(state[f"{kind}.{i}"])

    def _state(self) -> list[tuple[str, list[Tensor]]]:
        return [("means", self._means), ("squares", self._squares), ("steps", self._steps)]
