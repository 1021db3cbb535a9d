"""The least time a step can take on this machine: its arithmetic and its memory traffic, nothing else."""

import time
from collections.abc import Callable
from itertools import pairwise

import torch

from stages.gan.core.params import Experiment


def step_seconds(experiment: Experiment, samples: int, flops: float, bandwidth: float) -> float:
    """The floor of one step of fully connected networks.

    What must be computed: generated samples without a gradient, the discriminator forth and back on as many
    real as generated ones, then the generator forth and back through a frozen discriminator. What must be
    moved: Adam reads weight, gradient and two moments, and writes all but the gradient.

    Args:
        experiment: networks and batch size.
        samples: numbers in one sample.
        flops: floating point operations that this machine does in a second.
        bandwidth: bytes that it reads and writes in a second.
    """
    about_g, about_d = experiment.generator.model_dump(), experiment.discriminator.model_dump()
    assert about_g["network"] == about_d["network"] == "mlp"
    widths_g = [about_g["latent"], *about_g["hidden"], samples]
    widths_d = [samples, *about_d["hidden"], 1]
    (g, first_g), (d, first_d) = (
        (sum(a * b for a, b in pairwise(widths)), widths[0] * widths[1]) for widths in (widths_g, widths_d)
    )
    # For each sample a layer takes a product forth, one back to its weights, and one back to its inputs,
    # which the first layer of the network that learns does not need.
    discriminator_step = g + 2 * (d + d + d - first_d)
    generator_step = g + d + d + g + g - first_g
    products = experiment.train.batch_size * (discriminator_step + generator_step)
    parameters = g + d + sum(widths_g[1:]) + sum(widths_d[1:])
    return float(2 * products / flops + 7 * 4 * parameters / bandwidth)


def matrix_speed(device: torch.device) -> float:
    """Floating point operations per second in large float32 matrix products."""
    a, b = torch.randn(2, 2048, 2048, device=device)
    return 2 * 2048**3 / _best(lambda: torch.mm(a, b), device)


def memory_speed(device: torch.device) -> float:
    """Bytes per second read and written by adding large arrays."""
    a, b, c = torch.randn(3, 12_000_000, device=device)
    return 3 * float(a.nbytes) / _best(lambda: torch.add(a, b, out=c), device)


def _best(work: Callable[[], object], device: torch.device) -> float:
    """The least seconds that ``work`` took in several trials: what the machine can do when left alone."""
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
