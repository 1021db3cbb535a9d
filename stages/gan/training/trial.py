"""A trial of custom networks and losses before a training: a mistake is reported in one line, and at once."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from stages.gan.core.params import Experiment, PieceBlock, pieces
from stages.gan.core.params.declarations import Declaration
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import registry
from stages.gan.training.losses import get_loss
from stages.gan.training.penalties import gradient_penalty

_CPU = torch.device("cpu")
_SAMPLES = 3


def check(params: Experiment, shape: Sequence[int], device: torch.device = _CPU) -> None:
    """Try what an experiment takes of ``custom.py``, if anything, on a few samples of a shape.

    Args:
        params: the experiment.
        shape: of one sample.
        device: on which the networks are to work, too.

    Raises:
        UserError: a network or the loss is not what a training needs; the message says what and where.
    """
    for declaration in params.trained_pieces:
        if not declaration.is_custom:
            continue
        if declaration.kind == "loss":
            _check_loss(declaration, device)
            continue
        kind: registry.Kind = "generator" if declaration.kind == "generator" else "discriminator"
        first, again = (_build(kind, params, shape) for _ in range(2))
        _check_state(declaration, first, params.train.processes)
        _check_forward(declaration, first, again, shape)
        if declaration.kind == "discriminator" and params.train.r1 > 0:
            with pieces.errors_at(declaration):
                penalty = gradient_penalty(copy.deepcopy(first), _inputs(declaration, first, shape))
                if penalty.requires_grad:
                    torch.autograd.grad(penalty, list(first.parameters()), allow_unused=True)
        if device.type != "cpu":
            with pieces.errors_at(declaration):
                network = _build(kind, params, shape, device)
                made = network(_inputs(declaration, network, shape).to(device))
                torch.autograd.grad(made.sum(), list(network.parameters()), allow_unused=True)


def _build(
    kind: registry.Kind, params: Experiment, shape: Sequence[int], device: torch.device = _CPU
) -> nn.Module:
    """One of the networks of an experiment, always the same."""
    masks = random_generator(0, "dropout", device=device)
    block: PieceBlock = getattr(params, kind)
    weights = random_generator(0, "trial")
    return registry.build_one(kind, block, shape=shape, weights=weights, masks=masks).to(device)


def _inputs(declaration: Declaration, network: nn.Module, shape: Sequence[int]) -> Tensor:
    """What the network is given: a few latent points, or samples."""
    generates = declaration.kind == "generator"
    size = (network.architecture["latent"],) if generates else tuple(shape)  # type: ignore[index]
    inputs = torch.randn(_SAMPLES, *size, generator=random_generator(0, "trial", "inputs"))
    return inputs if generates or len(size) == 1 else inputs.clamp(-1, 1)


def _check_state(declaration: Declaration, network: nn.Module, processes: int) -> None:
    """All that is learned can be learned, and kept in files."""
    parameters = dict(network.named_parameters())
    if not parameters:
        raise declaration.error("has no parameters, and so nothing to learn")
    for name, parameter in parameters.items():
        name = name.removeprefix("network.")
        if parameter.dtype != torch.float32:
            raise declaration.error(f"{name}: must be of float32, not {parameter.dtype}")
        if not parameter.requires_grad:
            raise declaration.error(f"{name}: is not to be learned; keep it by register_buffer instead")
    kept = [tensor for tensor in network.state_dict().values() if tensor.numel()]
    if len({tensor.untyped_storage().data_ptr() for tensor in kept}) < len(kept):
        raise declaration.error("two of its tensors are one in memory, which files cannot keep")
    if processes > 1:
        for layer in network.modules():
            if isinstance(layer, _BatchNorm):
                raise declaration.error(
                    f"{type(layer).__name__} needs whole batches, and each of {processes} processes has but "
                    "a part; set train.processes to 1, or take GroupNorm"
                )


def _check_forward(
    declaration: Declaration, network: nn.Module, again: nn.Module, shape: Sequence[int]
) -> None:
    """It gives what it must, learns from it, and always does the same.

    Args:
        declaration: which it is.
        network: as it is made.
        again: the same, made once more.
        shape: of one sample.
    """
    generates = declaration.kind == "generator"
    inputs = _inputs(declaration, network, shape)
    wanted = (_SAMPLES, *shape) if generates else (_SAMPLES, 1)
    for training in (False, True):
        # Copies: forward passes may change buffers, and batch normalisation's do.
        tried, other = (copy.deepcopy(which).train(training) for which in (network, again))
        with torch.random.fork_rng(devices=()):
            before = torch.get_rng_state()
            with pieces.errors_at(declaration):
                made = tried(inputs)
            drawn = not torch.equal(torch.get_rng_state(), before)
            with pieces.errors_at(declaration):
                repeated = other(inputs)
        if not isinstance(made, Tensor) or made.shape != wanted:
            got = list(made.shape) if isinstance(made, Tensor) else f"a {type(made).__name__}"
            what = "samples" if generates else "logits"
            raise declaration.error(
                f"must give {what} {list(wanted)} for {list(inputs.shape)}, but gives {got}"
            )
        if drawn:
            raise declaration.error(
                "draws from PyTorch's global random generator in forward, so that nobody can repeat it; for "
                "dropout take the layer nn.Dropout (or its 1d, 2d, 3d), which draws from the seed here"
            )
        if not torch.equal(made, repeated):
            raise declaration.error(
                "made twice from one seed, gives different numbers: random ones must come from PyTorch"
            )
        if not made.isfinite().all():
            raise declaration.error("gives numbers that are not finite")
    parameters = dict(tried.named_parameters())
    if not made.requires_grad:
        raise declaration.error("cannot learn: what it gives does not depend on its parameters")
    with pieces.errors_at(declaration):
        slopes = torch.autograd.grad(made.sum(), list(parameters.values()), allow_unused=True)
    for name, slope in zip(parameters, slopes, strict=True):
        if slope is None:
            raise declaration.error(f"{name.removeprefix('network.')}: is not used in forward")
    if generates and len(shape) == 3:
        with torch.no_grad():  # far points, as small numbers may stay within by chance
            if copy.deepcopy(network).eval()(1000 * inputs).abs().max() > 1:
                raise declaration.error("images must be in [-1, 1]; end it with nn.Tanh()")


def _check_loss(declaration: Declaration, device: torch.device) -> None:
    """Both methods give a number that logits can be learned from, and always the same."""
    loss = get_loss(declaration)
    for method, rows in (("discriminator", 2 * _SAMPLES), ("generator", _SAMPLES)):
        drawn = torch.randn(rows, 1, generator=random_generator(0, "trial", method))
        for logits in (drawn.requires_grad_(True), drawn.to(device)):
            with torch.random.fork_rng(devices=()):
                before = torch.get_rng_state()
                with pieces.errors_at(declaration):
                    made = getattr(loss, method)(logits)
                same = torch.equal(torch.get_rng_state(), before)
            if not isinstance(made, Tensor) or made.shape != () or not made.requires_grad:
                raise declaration.error(
                    f"{method} must give one number that depends on the logits, such as a mean()"
                )
            if not same:
                raise declaration.error(
                    f"{method} draws from PyTorch's global random generator, so that nobody can repeat it"
                )
