"""Train the GAN: generator against discriminator.

Reads params.yaml and the prepared data. Writes both networks and the previews to data/EXPERIMENT/seed-SEED,
and to reports/runs/EXPERIMENT/seed-SEED the losses (losses.csv) and the training's evolution: the samples of
the same latent points after every epoch (evolution.gif, evolution.png). Logs to MLflow as it goes.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stages import command

if TYPE_CHECKING:
    from stages.gan.history import Epoch


def train(job: command.RunJob) -> None:
    """Train one run's networks and hand on what came of it."""
    job.store.open()
    import torch

    from stages import record
    from stages.gan import canvas, datasets, devices, evolution, history, sampling, training, weights
    from stages.gan.randomness import generator as random_generator

    device = devices.set_up(job.settings.device, job.settings.threads)
    split = datasets.Dataset.load(job.shared.dataset).train
    settings = job.params.train
    gan = training.Training(job.params, split.shape, seed=job.seed, device=device)
    steps = training.steps_per_epoch(len(split), settings.batch_size)
    print(f"train {job}: {settings.epochs} epochs of {steps} steps on {device.type}", flush=True)

    def save(folder: Path) -> None:
        about = {"experiment": job.experiment, "seed": job.seed, "device": device.type}
        weights.save(folder / job.files.generator.name, gan.kept, about)
        weights.save(folder / job.files.discriminator.name, gan.discriminator, about)

    latents = torch.randn(
        settings.preview, job.params.generator.latent, generator=random_generator(job.seed, "preview")
    )
    previews = [sampling.draw(gan.kept, latents)]
    epochs = gan.epochs(datasets.to_unit(split.samples).to(device), latents)
    with record.training(job, split, record.environment(device)) as run:
        run.log_preview(0, previews[0])
        finished, busy = [], 0.0
        start = before = time.perf_counter()
        for epoch in shown(epochs, settings.epochs):
            busy += time.perf_counter() - before
            finished.append(epoch)
            run.log_epoch(epoch)
            run.log_checkpoint(epoch.number, save)
            before = time.perf_counter()
        run.log_time(before - start, settings.epochs * steps, busy)
        save(job.files.generator.parent)
        previews += [epoch.preview for epoch in finished]
        history.save(finished, previews, job.files.losses, job.files.previews)
        evolution.animation(previews, split, job.files.animation)
        canvas.save(evolution.strip(previews, split), job.files.strip)
        run.log_files()
    print(f"train {job}: done; see {job.files.animation}")


def shown(epochs: "Iterator[Epoch]", total: int) -> "Iterator[Epoch]":
    """Pass the epochs on, showing both losses: a bar on a terminal, every tenth epoch's elsewhere."""

    def losses(epoch: "Epoch") -> str:
        return f"loss of the discriminator {epoch.loss_d:.3f}, of the generator {epoch.loss_g:.3f}"

    from stages import progress

    return progress.show(epochs, total, "epoch", losses, every=10)


if __name__ == "__main__":
    command.for_run(train, __doc__)
