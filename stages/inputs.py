"""Networks that stages read, checked to be this run's: files may have been moved by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stages.command import RunJob
from stages.gan import weights
from stages.gan.errors import UserError
from stages.gan.networks import GENERATORS
from stages.gan.params import Block


def generator(job: RunJob, shape: Sequence[int], device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """The run's generator of samples of a shape, and its ``experiment``, ``seed`` and ``device``.

    Raises:
        UserError: the file is missing or damaged, is another run's, or not as the parameters say.
    """
    path = job.files.generator
    network, about = weights.load(path, GENERATORS, device)
    run = {key: about.get(key) for key in ("experiment", "seed", "device")}
    if (run["experiment"], run["seed"]) != (job.experiment, job.seed):
        raise UserError(
            f"{path}: is the generator of {run['experiment']}, seed {run['seed']}, not of {job}; run the "
            "train stage"
        )
    check(path, about["architecture"], job.params.generator, shape, "generator")
    return network, run


def check(
    path: Path,
    architecture: Mapping[str, Any],
    params: Block,
    shape: Sequence[int],
    block: str,
    **known: Any,
) -> None:
    """Check that a network is built as the parameters say, for samples of a shape.

    Args:
        path: the network's file.
        architecture: as it is.
        params: as it should be.
        shape: of one sample.
        block: of the parameters.
        known: what else is known of it, or known better.

    Raises:
        UserError: it is not; the message names ``path``, the key and the ``block``.
    """
    wanted = {"inputs": max(1, shape[0] - 1), **params.model_dump(), "shape": list(shape), **known}
    for key, value in architecture.items():
        if wanted.get(key, value) != value:
            stage = "train" if block == "generator" else block
            raise UserError(
                f"{path}: {key} is {value}, but {wanted[key]} is what {block} in the parameters and the data "
                f"ask for; run the {stage} stage"
            )
