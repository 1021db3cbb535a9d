"""What a GPU makes of the trainings, in a few minutes: the same bytes, the time of a step, many at once.

``python -m benchmarks gpu --quick`` (at most eight minutes) trains some hundred steps of each recipe on a
GPU, each training in a process of its own, and writes benchmarks/results/gpu-quick.md. It needs no download:
in MNIST's place are scikit-learn's digits, enlarged to the same shape.

A training is compared with the same one once more, and with one that was killed (SIGKILL) after half of its
steps and went on in another process. The time of a step is the wall time of all steps after the first fifth
over their number, where the device is waited for; what the GPU computes of it is the sum of its kernels, by
PyTorch's profiler.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.profiler import ProfilerActivity, profile

from benchmarks import pipeline, reference
from benchmarks.trajectory import EnoughError, data
from stages.gan.core import devices, params
from stages.gan.report import markdown
from stages.gan.training.batches import Real
from stages.gan.training.loop import Training
from stages.runtime.files import md5

RECIPES = ("sine", "digits", "digits_classic", "mnist", "mnist_fast")
AT_ONCE = (1, 4, 8)
STEPS = 500  # of a training
_PROFILED = 50


def train(recipe: str, device: str, steps: int, state: Path, kill: bool, traced: bool) -> dict[str, float]:
    """Train a recipe's first steps in this process, from the state in a file where there is one.

    Args:
        recipe: an experiment of params.yaml.
        device: to train on.
        steps: after which the state is written; those of the state that it begins with count.
        state: the file.
        kill: end this process by SIGKILL once the state is written.
        traced: look at what the device does in some steps more.

    Returns:
        Milliseconds of a step (``step``), and those that the device computes in it (``busy``).
    """
    known = params.load(pipeline.ROOT / "params.yaml")
    there = devices.set_up(device, known.settings.threads)
    experiment = params.select(known, recipe, pipeline.ROOT / "params.yaml")
    long = experiment.train.model_copy(update={"epochs": 10**6, "lr_decay": "none"})
    split = data(experiment)
    gan = Training.of(experiment.model_copy(update={"train": long}), split, seed=1, device=there)
    real = Real.of(split, there)
    done = 0
    if state.exists():
        kept = load_file(state)
        epoch, step, done = kept.pop("place").tolist()
        gan.load_state_dict(kept, epoch, step)
    times: list[float] = []
    trace = profile(activities=[ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * (there.type == "cuda")])
    last = steps + (_PROFILED if traced else 0)

    def between() -> None:
        nonlocal done
        done += 1
        if done in (steps // 5, steps):
            _wait(there)
            times.append(time.perf_counter())
        if done == steps:
            tensors = {name: tensor.cpu() for name, tensor in gan.state_dict().items()}
            place = torch.tensor([gan.epoch, gan.step, done])
            save_file({**tensors, "place": place}, state)
            if kill:
                os.kill(os.getpid(), signal.SIGKILL)
            if traced:
                trace.start()
        if done == last:
            raise EnoughError

    with suppress(EnoughError):
        for _ in gan.epochs(real, torch.zeros(1, gan.latent), between):
            done += 1
    found = {"step": 1e3 * (times[-1] - times[0]) / (steps - steps // 5)} if len(times) > 1 else {}
    if traced:
        _wait(there)
        trace.stop()
        kernels = sum(event.self_device_time_total for event in trace.key_averages())
        found["busy"] = kernels / 1e3 / _PROFILED
    return found


def train_reference(recipe: str, device: str, steps: int) -> dict[str, float]:
    """Milliseconds of a step of the plain loop (:mod:`benchmarks.reference`), see :func:`train`."""
    experiment = params.load(pipeline.ROOT / "params.yaml").experiments[recipe]
    long = experiment.train.model_copy(update={"epochs": 10**6})
    there, times = torch.device(device), []
    loop = reference.train(data(experiment), experiment.model_copy(update={"train": long}), there)
    for done, _ in enumerate(loop):
        if done in (steps // 5, steps):
            _wait(there)
            times.append(time.perf_counter())
        if done == steps:
            break
    return {"step": 1e3 * (times[-1] - times[0]) / (steps - steps // 5)}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Trainings:
    """Trainings in processes of their own, on a device, with their states in a folder."""

    def __init__(self, folder: Path, device: str, steps: int = STEPS) -> None:
        self._folder, self._device, self._steps = folder, device, steps

    def start(self, recipe: str, name: str, *options: str, steps: int | None = None) -> subprocess.Popen[str]:
        """Start one; its state is kept under a name."""
        command = [sys.executable, "-m", "benchmarks.gpu", recipe, str(self._state(name)), *options]
        command += ["--device", self._device, "--steps", str(steps or self._steps)]
        return subprocess.Popen(command, cwd=pipeline.ROOT, stdout=subprocess.PIPE, text=True)

    def run(self, recipe: str, name: str, *options: str) -> dict[str, float]:
        """Train, and return the times."""
        return _times(self.start(recipe, name, *options))

    def kill_and_go_on(self, recipe: str, name: str) -> None:
        """Kill one after half of its steps; then another process does the rest."""
        process = self.start(recipe, name, "--kill", steps=self._steps // 2)
        if process.wait() != -signal.SIGKILL:
            raise RuntimeError(f"{recipe}: ended with code {process.returncode} before it was killed")
        self.run(recipe, name)

    def at_once(self, recipe: str, count: int) -> float:
        """Milliseconds of a step of the slowest of several trainings that start together."""
        started = [self.start(recipe, f"{recipe}-{count}-{i}") for i in range(count)]
        return max(_times(process)["step"] for process in started)

    def md5(self, name: str) -> str:
        """The sum of a state."""
        return md5(self._state(name))

    def _state(self, name: str) -> Path:
        return self._folder / f"{name}.safetensors"


def _times(process: subprocess.Popen[str]) -> dict[str, float]:
    text, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a training ended with code {process.returncode}")
    found: dict[str, float] = json.loads(text.splitlines()[-1])
    return found


def table(
    device: str = "cuda",
    recipes: Sequence[str] = RECIPES,
    at_once: Sequence[int] = AT_ONCE,
    steps: int = STEPS,
    rounds: int = 2,
) -> str:
    """All checks and measurements, as Markdown."""
    rows, several = [], []
    with tempfile.TemporaryDirectory() as folder:
        trainings = Trainings(Path(folder), device, steps)
        for recipe in recipes:
            ours: list[dict[str, float]] = []
            plain: list[dict[str, float]] = []
            for i in range(rounds):  # side by side
                ours.append(trainings.run(recipe, f"{recipe}-{i}", "--traced"))
                if _is_plain(recipe):
                    plain.append(trainings.run(recipe, f"{recipe}-plain-{i}", "--reference"))
            trainings.kill_and_go_on(recipe, f"{recipe}-killed")
            first, *others = (trainings.md5(f"{recipe}-{name}") for name in [*range(rounds), "killed"])
            step, busy = _median(ours, "step"), _median(ours, "busy")
            beside = f"{_median(plain, 'step'):.2f}" if plain else ""
            times = f"{_median(plain, 'step') / step:.2f}" if plain else ""
            same = ["no", "yes"]
            again = same[all(other == first for other in others[:-1])]
            rows.append(
                [recipe, f"{step:.2f}", f"{busy:.2f}", beside, times, again, same[others[-1] == first]]
            )
        for recipe in [name for name in ("mnist",) if name in recipes]:
            alone = trainings.at_once(recipe, 1)
            for count in at_once:
                slowest = trainings.at_once(recipe, count)
                several.append([str(count), f"{slowest:.2f}", f"{slowest / alone:.2f}"])
    there = torch.device(device)
    heads = ["recipe", "step, ms", "of which the device computes", "plain loop, ms", "times as fast"]
    lines = [
        f"On {devices.name(there)}, beside {os.cpu_count()} cores of {devices.name(torch.device('cpu'))}; "
        f"PyTorch {torch.__version__}. Each step is started operation by operation (eager).",
        "",
        *markdown.table([*heads, "same bytes again", "after a kill"], rows),
    ]
    if several:
        heads = ["trainings of mnist at once", "step of the slowest, ms", "times that of one alone"]
        lines += ["", *markdown.table(heads, several)]
    return "\n".join(lines)


def _is_plain(recipe: str) -> bool:
    """Whether the plain loop knows the recipe's networks and loss."""
    experiment = params.load(pipeline.ROOT / "params.yaml").experiments[recipe]
    networks = {experiment.generator.piece.name, experiment.discriminator.piece.name}
    return networks == {"mlp"} and experiment.loss.name == "bce" and not experiment.train.condition


def _median(found: Sequence[dict[str, Any]], key: str) -> float:
    return float(np.median([one[key] for one in found]))


def main() -> None:
    """Train once, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("state", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--traced", action="store_true")
    parser.add_argument("--reference", action="store_true", help="the plain loop")
    asked = parser.parse_args()
    if asked.reference:
        print(json.dumps(train_reference(asked.recipe, asked.device, asked.steps)))
    else:
        print(
            json.dumps(train(asked.recipe, asked.device, asked.steps, asked.state, asked.kill, asked.traced))
        )


if __name__ == "__main__":
    main()
