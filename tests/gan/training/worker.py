"""Small trainings, and the second process of one of them: ``python -m tests.gan.training.worker CASE``."""

import os
import sys

import torch

from stages.gan.core import devices
from stages.gan.core.history import Epoch
from stages.gan.core.params import experiment_schema
from stages.gan.training import process_group
from stages.gan.training.batches import Real
from stages.gan.training.loop import DivergenceError, Training
from stages.gan.training.process_group import ProcessGroup
from stages.runtime.errors import UserError

TRAIN = {"loss": "bce", "epochs": 3, "batch_size": 8, "lr": 0.01, "preview": 4}
PARAMS = {
    "data": {"source": "digits", "seed": 5},
    "judge": {"network": "cnn", "channels": [4], "features": 4}
    | {"epochs": 1, "batch_size": 8, "lr": 0.01, "seed": 5},
    "generator": {"network": "mlp", "latent": 3, "hidden": [8]},
    "discriminator": {"network": "mlp", "hidden": [16, 8], "dropout": 0.3},
    "train": {**TRAIN, "image_every": 1, "checkpoint_every": 1},
    "sample": {"count": 10},
}
CONV = {
    "generator": {"network": "conv", "latent": 3, "channels": [4, 2]},
    "discriminator": {"network": "conv", "channels": [2, 4], "spectral_norm": True},
}
AVERAGED = {"r1": 1.0, "penalty_every": 2, "ema": 0.9}
CASES = {
    "mlp, dropout": PARAMS,
    "mlp, dropout, penalty": PARAMS | {"train": {**PARAMS["train"], **AVERAGED, "lr_decay": "cosine"}},
    "conv, spectral norm, penalty": PARAMS
    | CONV
    | {"train": {**PARAMS["train"], **AVERAGED, "loss": "hinge"}},
    "residual, told the class, all that draws": PARAMS
    | {
        "generator": {"network": "residual", "latent": 3, "channels": [4, 2], "attention": True},
        "discriminator": {"network": "residual", "channels": [2, 4]},
        "train": {
            **PARAMS["train"],
            **{"loss": "least_squares", "r1": 0.1, "r2": 0.1, "gp": 0.1, "d_steps": 2, "clip_norm": 0.5},
            **{"condition": True, "augment": ["flip", "color", "translation", "cutout"]},
            "instance_noise": 0.1,
        },
    },
    "not finite": PARAMS,
}
DEVICE = torch.device("cpu")


def training(case: str, group: ProcessGroup) -> tuple[Training, list[Epoch]]:
    """A case's training as it is in the end, and its epochs."""
    real = torch.randn(35, 1, 8, 8, generator=torch.Generator().manual_seed(0)).tanh()
    if case == "not finite":
        real = real * float("nan")
    params = experiment_schema().model_validate(CASES[case])
    counts = [7] * 5 if params.train.condition else []
    gan = Training(params, (1, 8, 8), seed=5, device=DEVICE, group=group, counts=counts)
    command = [sys.executable, "-m", "tests.gan.training.worker", case]
    with group.joined(DEVICE, command):
        return gan, list(gan.epochs(Real(real, torch.arange(35) % 5), torch.zeros(4, gan.latent)))


if __name__ == "__main__":
    devices.set_up("cpu", threads=1)
    code = 0
    try:
        training(sys.argv[1], process_group.current(2))
    except DivergenceError:
        pass
    except UserError as error:
        print(f"the worker's error: {error}", file=sys.stderr, flush=True)
        code = 1
    # As a stage does: after an exception, what joins the processes would abort at Python's end.
    os._exit(code)
