"""The training of one run's GAN, from its last checkpoint on."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor, nn

from stages.gan.core import devices, history, weights
from stages.gan.core.datasets import Dataset, Split
from stages.gan.core.history import Epoch
from stages.gan.core.params import Experiment, Settings, pieces
from stages.gan.networks.base import sampling
from stages.gan.training import batches, loop
from stages.gan.training.batches import Real
from stages.gan.training.process_group import PeerLostError, ProcessGroup
from stages.gan.training.resumable import ResumableTraining, checkpoint_store
from stages.pipeline import origin
from stages.runtime import command, files, locks, progress, signals
from stages.runtime.errors import UserError, counted, say
from stages.runtime.paths import ExperimentFiles, RunFiles
from stages.tracking import record
from stages.tracking.record import TrainingRecord
from stages.tracking.store import Store

COMMAND = (sys.executable, "-m", "stages.train", *sys.argv[1:])


def train(
    name: str, seed: int, experiment: Experiment, settings: Settings, store: Store, group: ProcessGroup
) -> ResumableTraining:
    """Train the networks of one run, log the training to MLflow, and save its files.

    Args:
        name: the experiment's name.
        seed: the run's seed.
        experiment: the experiment's parameters.
        settings: the settings shared by all experiments.
        store: where MLflow's runs are kept.
        group: the processes that train together; this one is the main process.

    Raises:
        UserError: the parameters do not fit the data or each other, the networks to start from do not fit,
            the training has diverged, or another process has ended.
    """
    shared, run_files, total = ExperimentFiles(name), RunFiles(name, seed), experiment.train.epochs
    gan, split, latents, device = _set_up(name, seed, experiment, settings, group)
    locks.claim(run_files.claim, f"train {name}, seed {seed}")
    steps = batches.steps_per_epoch(len(split), experiment.train)
    together = f" in {group.world_size} processes" if group.world_size > 1 else ""
    where = f"seed-{seed} of experiment {name} in MLflow (make ui)"
    work = f"{counted(total, 'epoch')} of {counted(steps, 'step')}"
    command.say_begin("train", f"{name}, seed {seed}", work, f"{device.type}{together}", where)
    sums = _start(gan, name, experiment)
    about = {"experiment": name, "seed": seed, "recipe": origin.recipe(experiment), **devices.about(device)}
    about |= {"from": sums} if sums else {}

    def save(folder: Path, networks: Sequence[nn.Module] = (), **more: int) -> None:
        generator, discriminator = networks or (gan.generator_ema, gan.discriminator)
        weights.save(folder / run_files.generator.name, generator, {**about, **more})
        weights.save(folder / run_files.discriminator.name, discriminator, {**about, **more})

    first = sampling.draw(gan.generator_ema, latents)
    checkpoints = checkpoint_store(
        run_files.checkpoints,
        settings.state_every,
        experiment,
        seed,
        settings.threads,
        files.md5(shared.dataset),
        pieces.code(experiment.trained_pieces) + sums,
        device,
        locks.free,  # a second copy of the repository, such as a DVC experiment's, may run the same training
    )
    training = ResumableTraining(
        gan, steps, total, checkpoints, f"train {name}, seed {seed}", signals.stop_requested, store.new_key
    )
    tags = record.environment(device)
    with (
        group.joined(device, COMMAND),
        record.training(store, name, seed, experiment, settings, split, tags, key=training.key) as run,
    ):
        run.log_preview(0, first)
        for epoch in training.epochs:  # MLflow ignores epochs that a resumed run has already
            run.log_epoch(epoch)
        try:
            with signals.deferred():  # a signal waits until a checkpoint is written
                for epoch in _shown(training, Real.of(split, device), latents, run, total * steps, total):
                    run.log_epoch(epoch)
                    run.log_checkpoint(epoch.number, save)
        except loop.DivergenceError as error:
            if (kept := run.log_networks(*training.restore_last_finite(), save)) is None:
                raise
            raise UserError(f"{error}. The last finite networks are in MLflow, {kept}") from error
        run.log_time(training.wall_seconds, total * steps, training.training_seconds)
        previews = [first, *(epoch.preview for epoch in training.epochs)]
        of_epoch, *networks = gan.kept
        with files.together():
            save(run_files.generator.parent, networks, **({"epoch": of_epoch} if of_epoch < total else {}))
            history.save(training.epochs, previews, run_files.losses, run_files.previews)
        run.log_files(run_files.generator, run_files.discriminator)
    which = f"; the networks of epoch {of_epoch}, the best one, are saved" if of_epoch < total else ""
    say(f"train {name}, seed {seed}: done{which}; see {run_files.losses}")
    return training


def run_worker(
    name: str, seed: int, experiment: Experiment, settings: Settings, group: ProcessGroup
) -> NoReturn:
    """Compute the rows of a training that belong to this process, until the training ends; prints nothing.

    The arguments are those of :func:`train`. The process ends with exit code 0, or 1 if another process of
    the training has ended.
    """
    gan, split, latents, device = _set_up(name, seed, experiment, settings, group)
    real = Real.of(split, device)
    try:
        with signals.deferred(), group.joined(device, COMMAND):  # the main process decides where to stop
            for _ in gan.epochs(real, latents):
                pass
    except loop.DivergenceError:
        pass
    except PeerLostError:
        signals.exit_now(1)
    signals.exit_now(0)


def _set_up(
    name: str, seed: int, experiment: Experiment, settings: Settings, group: ProcessGroup
) -> tuple[loop.Training, Split, Tensor, torch.device]:
    """The training in its initial state, its data, the latent points [P, latent] of previews, its device."""
    device = group.device(devices.set_up(settings.device, settings.threads))
    split = Dataset.load(ExperimentFiles(name).dataset, experiment.source).train
    gan = loop.Training.of(experiment, split, seed=seed, device=device, group=group)
    latents = sampling.fixed_latents(gan.generator, experiment.train.preview, seed, "preview")
    return gan, split, latents, device


def _start(gan: loop.Training, name: str, experiment: Experiment) -> str:
    """Load the networks of the run that the training starts from (``train.from``), if any.

    Returns:
        The MD5 sums of their files; empty if the training starts from no run.

    Raises:
        UserError: there are no such networks, or they do not fit.
    """
    if experiment.train.origin is None:
        return ""
    generator, discriminator, sums = origin.load(name, experiment)
    try:
        gan.start_from(generator, discriminator)
    except RuntimeError as error:
        reason = str(error).partition(":\n")[2].strip().partition("\n")[0][:200]
        raise UserError(
            f"{name}.train.from: {experiment.train.start}: its networks do not fit those of {name} ({reason})"
        ) from error
    return sums


def _shown(
    training: ResumableTraining, real: Real, preview: Tensor, run: TrainingRecord, steps: int, total: int
) -> Iterator[Epoch]:
    """Train, and show both losses: on a terminal beside a bar of all steps, else a line every ten epochs."""

    def losses(epoch: Epoch) -> str:
        return f"loss D {epoch.loss_d:.3f}, G {epoch.loss_g:.3f}"  # short: a terminal may be narrow

    done = len(training.epochs)
    with progress.bar(steps, "step", training.step) as bar:
        epochs = training.train(real, preview, run.run.flush, bar.update)
        yield from progress.announce(epochs, bar, total, "epoch", losses, every=10, done=done)
