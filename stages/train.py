"""Train the GAN: generator against discriminator.

Killed, it goes on from its last state, in .state, when it is run again.

Reads:
  params.yaml
  data/EXPERIMENT/dataset.safetensors                      the prepared data
  data/code/EXPERIMENT                                     what it uses of stages/gan/own.py
Writes:
  data/EXPERIMENT/seed-SEED/generator.safetensors          both networks
  data/EXPERIMENT/seed-SEED/discriminator.safetensors
  data/EXPERIMENT/seed-SEED/previews.npy                   samples of the same latent points after every epoch
  reports/runs/EXPERIMENT/seed-SEED/losses.csv             losses and mean D(x), D(G(z)) by epoch
  reports/runs/EXPERIMENT/seed-SEED/evolution.gif          the previews as a film, and as stills
  reports/runs/EXPERIMENT/seed-SEED/evolution.png
  MLflow                                                   a run, as it goes
Example:
  python -m stages.train --experiment sine --seed 111
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from stages import PARENT, command, ending
from stages.gan import ranks
from stages.gan.errors import UserError, tell

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from stages.course import Course
    from stages.gan.history import Epoch
    from stages.gan.training import Training
    from stages.record import Training as Record

COMMAND = (sys.executable, "-m", "stages.train", *sys.argv[1:])


def train(job: command.RunJob) -> Callable[[], None]:
    """Train one run's networks and hand on what came of it; returns what forgets the training's states."""
    part = ranks.of(job.params.train.processes)
    if part.leads:
        job.store.open()
    else:
        ranks.end_with(PARENT)
    import torch

    from stages import record
    from stages.course import Course
    from stages.gan import canvas, datasets, devices, evolution, files, history, sampling, training, weights
    from stages.gan.randomness import generator as random_generator

    device = part.device(devices.set_up(job.settings.device, job.settings.threads))
    split = datasets.Dataset.load(job.shared.dataset, job.params.data).train
    settings = job.params.train
    gan = training.Training(
        job.params, split.shape, seed=job.seed, device=device, ranks=part, units=split.units
    )
    real = split.unit.to(device)
    latents = torch.randn(
        settings.preview, job.params.generator.latent, generator=random_generator(job.seed, "preview")
    )
    if not part.leads:
        follow(gan, real, latents, device, part)
    steps = training.steps_per_epoch(len(split), settings.batch_size)
    together = f" in {part.world} processes" if part.world > 1 else ""
    work = f"{settings.epochs} epochs of {steps} steps"
    command.begin("train", job, work, f"{device.type}{together}", command.in_mlflow(job, f"seed-{job.seed}"))

    def save(folder: Path) -> None:
        about = {"experiment": job.experiment, "seed": job.seed, "device": device.type}
        weights.save(folder / job.files.generator.name, gan.kept, about)
        weights.save(folder / job.files.discriminator.name, gan.discriminator, about)

    first = sampling.draw(gan.kept, latents)
    course = Course(job, gan, steps, device)
    with (
        part.joined(device, COMMAND),
        record.training(job, split, record.environment(device), key=course.key) as run,
    ):
        run.log_preview(0, first)
        for epoch in course.epochs:  # what a run that goes on has already, it drops
            run.log_epoch(epoch)
        try:
            for epoch in shown(course, real, latents, run, settings.epochs * steps):
                run.log_epoch(epoch)
                run.log_checkpoint(epoch.number, save)
        except training.DivergenceError as error:
            if (kept := run.log_networks(*course.go_back(), save)) is None:
                raise
            raise UserError(f"{error}. The last finite networks are in MLflow, {kept}") from error
        run.log_time(course.wall_seconds, settings.epochs * steps, course.training_seconds)
        previews = [first, *(epoch.preview for epoch in course.epochs)]
        with files.together():
            save(job.files.generator.parent)
            history.save(course.epochs, previews, job.files.losses, job.files.previews)
            evolution.animation(previews, split, job.files.animation)
            canvas.save(evolution.strip(previews, split), job.files.strip)
        run.log_files()
    tell(f"train {job}: done; see {job.files.animation}")
    return course.forget


def follow(
    gan: "Training", real: "Tensor", preview: "Tensor", device: "torch.device", part: ranks.Ranks
) -> NoReturn:
    """Compute this process's part of a training that another one leads, to its end; that one tells of it."""
    from stages.gan.training import DivergenceError

    try:
        with ending.held(), part.joined(device, COMMAND):  # the one that leads ends where all is whole
            for _ in gan.epochs(real, preview):
                pass
    except DivergenceError:
        pass
    except ranks.LostError:
        ending.leave(1)
    ending.leave(0)


def shown(
    course: "Course", real: "Tensor", preview: "Tensor", run: "Record", steps: int
) -> "Iterator[Epoch]":
    """Train, showing both losses: on a terminal beside a bar of all steps, elsewhere every tenth epoch's."""

    def losses(epoch: "Epoch") -> str:
        return f"loss D {epoch.loss_d:.3f}, G {epoch.loss_g:.3f}"  # short: a terminal may be narrow

    from stages import progress

    done = len(course.epochs)
    with progress.bar(steps, "step", course.step) as bar:
        epochs = course.train(real, preview, run, bar.update)
        yield from progress.tell_of(epochs, bar, course.total, "epoch", losses, every=10, done=done)


if __name__ == "__main__":
    command.for_run(train, __doc__)
