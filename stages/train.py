"""Train the GAN: generator against discriminator.

Reads params.yaml and the prepared data. Writes both networks and the previews to data/EXPERIMENT/seed-SEED,
and to reports/runs/EXPERIMENT/seed-SEED the losses (losses.csv) and the training's evolution: the samples of
the same latent points after every epoch (evolution.gif, evolution.png). Logs to MLflow as it goes.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from stages import command, progress, record
from stages.gan import canvas, datasets, devices, evolution, history, sampling, training, weights
from stages.gan.losses import LOSSES
from stages.gan.networks import DISCRIMINATORS, GENERATORS
from stages.gan.randomness import generator as random_generator


def train(job: command.RunJob) -> None:
    """Train one run's networks and hand on what came of it."""
    device = devices.set_up(job.settings.device, job.settings.threads)
    split = datasets.Dataset.load(job.shared.dataset).train
    generator, discriminator = build(job, split.shape, device)
    settings = job.params.train
    steps = training.steps_per_epoch(len(split), settings.batch_size)
    print(f"train {job}: {settings.epochs} epochs of {steps} steps on {device.type}", flush=True)

    def save(folder: Path) -> None:
        about = {"experiment": job.experiment, "seed": job.seed, "device": device.type}
        weights.save(folder / job.files.generator.name, generator, about)
        weights.save(folder / job.files.discriminator.name, discriminator, about)

    latents = torch.randn(
        settings.preview, job.params.generator.latent, generator=random_generator(job.seed, "preview")
    )
    first = sampling.draw(generator, latents)
    epochs = training.train(
        datasets.to_unit(split.samples).to(device),
        generator,
        discriminator,
        LOSSES[settings.loss](),
        latents,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        lr=settings.lr,
        betas=settings.betas,
        seed=job.seed,
    )
    with record.training(job, split, record.environment(device)) as run:
        run.log_preview(0, first)
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
        history.save(finished, first, job.files.losses, job.files.previews)
        previews = [first, *(epoch.preview for epoch in finished)]
        evolution.animation(previews, split, job.files.animation)
        canvas.save(evolution.strip(previews, split), job.files.strip)
        run.log_files()
    print(f"train {job}: done; see {job.files.animation}")


def build(
    job: command.RunJob, shape: tuple[int, ...], device: torch.device
) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The generator and the discriminator with their initial weights."""
    generator, discriminator = job.params.generator.model_dump(), job.params.discriminator.model_dump()
    return (
        GENERATORS[generator.pop("network")](
            **generator, shape=shape, weights=random_generator(job.seed, "generator")
        ).to(device),
        DISCRIMINATORS[discriminator.pop("network")](
            **discriminator,
            shape=shape,
            weights=random_generator(job.seed, "discriminator"),
            masks=random_generator(job.seed, "dropout", device=device),
        ).to(device),
    )


def shown(epochs: Iterator[history.Epoch], total: int) -> Iterator[history.Epoch]:
    """Pass the epochs on, showing both losses: a bar on a terminal, every tenth epoch's elsewhere."""

    def losses(epoch: history.Epoch) -> str:
        return f"loss of the discriminator {epoch.loss_d:.3f}, of the generator {epoch.loss_g:.3f}"

    return progress.show(epochs, total, "epoch", losses, every=10)


if __name__ == "__main__":
    command.for_run(train, __doc__)
