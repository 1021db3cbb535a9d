"""A trial of custom networks and losses before a training: a mistake is reported in one line, and at once."""

import copy
import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.modules.batchnorm import _BatchNorm

from stages.gan.core.params import Experiment, PieceBlock, Train, pieces
from stages.gan.core.params.declarations import Declaration
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base import registry
from stages.gan.training.losses import Loss, compares, get_loss
from stages.gan.training.penalties import gradient_penalty

_CPU = torch.device("cpu")
_SAMPLES = 3
_CLASSES = 3
_IMAGES = (-1.0, 1.0, "only numbers from -1 to 1")
_RANGES = (
    (0.0, 1.0, "only numbers from 0 to 1"),
    _IMAGES,
    (0.0, math.inf, "no negative numbers"),
    (-math.inf, 0.0, "no positive numbers"),
)
_DRAWS = 16  # of random weights; each shows a side of 0, so 2 ** -16 is the chance to miss one


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
            _check_loss(declaration, params, device)
            continue
        kind: registry.Kind = "generator" if declaration.kind == "generator" else "discriminator"
        first, again = (_build(kind, params, shape) for _ in range(2))
        _check_state(declaration, first, params.train.processes)
        _check_forward(declaration, first, again, shape)
        _check_range(declaration, first, params, shape)
        if declaration.kind == "discriminator" and _penalises(params.train):
            with pieces.errors_at(declaration):
                samples, *classes = _inputs(declaration, first, shape)
                asked = partial(_ask, copy.deepcopy(first), classes)
                penalty = gradient_penalty(asked, samples)
                if penalty.requires_grad:
                    torch.autograd.grad(penalty, list(first.parameters()), allow_unused=True)
        if device.type != "cpu":
            with pieces.errors_at(declaration):
                network = _build(kind, params, shape, device)
                made = network(*(given.to(device) for given in _inputs(declaration, network, shape)))
                torch.autograd.grad(made.sum(), list(network.parameters()), allow_unused=True)


def _penalises(train: Train) -> bool:
    """Whether the discriminator's gradient is looked at, and so differentiated again."""
    return max(train.r1, train.r2, train.gp) > 0


def _build(
    kind: registry.Kind, params: Experiment, shape: Sequence[int], device: torch.device = _CPU
) -> nn.Module:
    """One of the networks of an experiment, always the same; if it is conditioned, then on a few classes."""
    masks = random_generator(0, "dropout", device=device)
    block: PieceBlock = getattr(params, kind)
    weights = random_generator(0, "trial")
    given = {"classes": _CLASSES} if kind == "discriminator" and params.train.condition else {}
    return registry.build_one(kind, block, shape=shape, weights=weights, masks=masks, **given).to(device)


def _inputs(declaration: Declaration, network: nn.Module, shape: Sequence[int]) -> list[Tensor]:
    """What the network is given: a few latent points, or samples, and their classes if it is conditioned."""
    generates, about = declaration.kind == "generator", cast(dict[str, Any], network.architecture)
    size = (about["latent"],) if generates else tuple(shape)
    inputs = torch.randn(_SAMPLES, *size, generator=random_generator(0, "trial", "inputs"))
    if generates:
        return [inputs]
    told = [one_hot(torch.arange(_SAMPLES) % _CLASSES, _CLASSES).float()] if about.get("classes") else []
    return [inputs if len(size) == 1 else inputs.clamp(-1, 1), *told]


def _ask(discriminator: nn.Module, classes: Sequence[Tensor], samples: Tensor) -> Tensor:
    logits: Tensor = discriminator(samples, *classes)
    return logits


def _check_state(declaration: Declaration, network: nn.Module, processes: int) -> None:
    """Its parameters can be learned, and its tensors can be saved in files."""
    parameters = dict(network.named_parameters())
    if not parameters:
        raise declaration.error("has no parameters, and so nothing to learn")
    for name, parameter in parameters.items():
        name = name.removeprefix("network.")
        if parameter.dtype != torch.float32:
            raise declaration.error(f"{name}: must be of float32, not {parameter.dtype}")
        if not parameter.requires_grad:
            raise declaration.error(
                f"{name}: has requires_grad=False; a tensor that is not learned belongs in register_buffer"
            )
    kept = [tensor for tensor in network.state_dict().values() if tensor.numel()]
    if len({tensor.untyped_storage().data_ptr() for tensor in kept}) < len(kept):
        raise declaration.error("two of its tensors share their memory, which its file cannot hold")
    if processes > 1:
        for layer in network.modules():
            if isinstance(layer, _BatchNorm):
                raise declaration.error(
                    f"{type(layer).__name__} needs whole batches, but each of {processes} processes has only "
                    "a part; set train.processes to 1, or take GroupNorm"
                )


def _check_forward(
    declaration: Declaration, network: nn.Module, again: nn.Module, shape: Sequence[int]
) -> None:
    """Its output has the right shape, depends on all parameters, and is the same when it is repeated.

    Args:
        declaration: the network's class.
        network: the network as it is built.
        again: the same network, built once more.
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
                made = tried(*inputs)
            drawn = not torch.equal(torch.get_rng_state(), before)
            with pieces.errors_at(declaration):
                repeated = other(*inputs)
        if not isinstance(made, Tensor) or made.shape != wanted:
            got = list(made.shape) if isinstance(made, Tensor) else f"a {type(made).__name__}"
            what = "samples" if generates else "logits"
            raise declaration.error(
                f"must give {what} {list(wanted)} for {list(inputs[0].shape)}, but gives {got}"
            )
        if drawn:
            raise declaration.error(
                "draws from PyTorch's global random generator in forward, so that nobody can repeat it; for "
                "dropout take the layer nn.Dropout (or its 1d, 2d, 3d), for other random numbers a "
                "RandomLayer of stages.gan.core.layers: they draw from the seed"
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


def _check_range(
    declaration: Declaration, network: nn.Module, params: Experiment, shape: Sequence[int]
) -> None:
    """A generator of images can give all of [-1, 1] and nothing else; a discriminator gives any number.

    A closing ``nn.Sigmoid()`` breaks both without a word: of a probability taken for a logit, binary cross
    entropy stays at log 2. Only a custom loss may take what is not a logit.
    """
    generates = declaration.kind == "generator"
    custom_loss = any(piece.kind == "loss" and piece.is_custom for piece in params.trained_pieces)
    if len(shape) != 3 if generates else custom_loss:
        return
    inputs = _inputs(declaration, network, shape)
    low, high = _range(network, inputs)
    found = next((known for known in _RANGES if known[0] <= low and high <= known[1]), None)
    only = found and found[2]
    if generates and found is not _IMAGES:
        given = only or f"numbers up to {max(-low, high):.3g}"
        raise declaration.error(f"images must be in [-1, 1], but it gives {given}; end it with nn.Tanh()")
    if not generates and only is not None:
        raise declaration.error(
            f"must give logits, which may be any numbers, but gives {only}; leave out what confines them at "
            "its end, such as nn.Sigmoid(), or name a loss of custom.py that takes such numbers in train.loss"
        )


def _range(network: nn.Module, inputs: Sequence[Tensor]) -> tuple[float, float]:
    """The least and the greatest number that a network gives, with its own and with random weights."""
    tried = copy.deepcopy(network).eval()
    random = random_generator(0, "trial", "weights")
    low, high = math.inf, -math.inf
    with torch.no_grad():
        for draw in range(_DRAWS):
            with suppress(Exception):  # with its own weights it works, and it never has these
                made = tried(*inputs)
                made = made[made.isfinite()]
                low, high = min(low, *made.flatten().tolist()), max(high, *made.flatten().tolist())
            if low < -1 and high > 1:
                break
            for parameter in tried.parameters():
                parameter.copy_((1, 10)[draw % 2] * torch.randn(parameter.shape, generator=random))
    return low, high


def _check_shared(declaration: Declaration, loss: Loss, processes: int) -> None:
    """The loss of a batch is the mean of the losses of its parts: each of several processes has only one."""
    random = random_generator(0, "trial", "shared")
    both = torch.randn(2, 4, 1, generator=random)  # of real and of generated samples
    for method in ("discriminator", "generator"):
        given = both if method == "discriminator" or compares(loss) else both[1:]
        wanted, *halves = (getattr(loss, method)(*part) for part in (given, given[:, :2], given[:, 2:]))
        if not torch.allclose(wanted, sum(halves) / 2, rtol=1e-4, atol=1e-6):
            raise declaration.error(
                f"{method} is not a mean over the samples, but each of {processes} processes has only a "
                "part of a batch; set train.processes to 1"
            )


def _check_loss(declaration: Declaration, params: Experiment, device: torch.device) -> None:
    """Both methods give a number that depends on the logits, and the same when they are repeated."""
    loss = get_loss(declaration, params.train)
    names = ("real", "generated")
    random = random_generator(0, "trial", "logits")
    drawn = {name: torch.randn(_SAMPLES, 1, generator=random) for name in names}
    for method in ("discriminator", "generator"):
        for place in (_CPU, device):
            logits = {name: values.to(place).requires_grad_(True) for name, values in drawn.items()}
            if method == "generator" and not compares(loss):
                del logits["real"]
            with torch.random.fork_rng(devices=()):
                before = torch.get_rng_state()
                with pieces.errors_at(declaration):
                    made = getattr(loss, method)(**logits)
                same = torch.equal(torch.get_rng_state(), before)
            if not isinstance(made, Tensor) or made.shape != () or not made.requires_grad:
                raise declaration.error(
                    f"{method} must give one number that depends on the logits, such as a mean()"
                )
            if not same:
                raise declaration.error(
                    f"{method} draws from PyTorch's global random generator, so that nobody can repeat it"
                )
    if params.train.processes > 1:
        _check_shared(declaration, loss, params.train.processes)
