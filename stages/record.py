"""What MLflow holds of a training: written live by train, or made from its files where the store has none."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from stages.command import Job, RunJob
from stages.gan import devices, history, modules, pages, tracking, weights
from stages.gan.datasets import Split
from stages.gan.errors import UserError, lack, warn
from stages.gan.evolution import Preview
from stages.gan.history import Epoch
from stages.gan.networks import GENERATORS
from stages.gan.params import flatten

PICTURES = ""  # artifact folder: none, as MLflow compares those of runs only then
_COMMIT = "mlflow.source.git.commit"  # tag


class Training:
    """The MLflow run of a training."""

    def __init__(self, job: RunJob, run: tracking.Run, split: Split, about: str) -> None:
        self.run = run
        self._about = about
        self._job = job
        self._train = job.params.train
        self._preview = Preview(split)

    def flush(self) -> None:
        """Have all that was logged on disk."""
        self.run.flush()

    def log_epoch(self, epoch: Epoch) -> None:
        """Log an epoch's losses and mean D, and, if it is its turn, the preview's picture."""
        self.run.log_metrics(history.metrics(epoch), step=epoch.number)
        self.log_preview(epoch.number, epoch.preview)

    def log_preview(self, epoch: int, preview: torch.Tensor) -> None:
        """Log the preview's picture (epoch 0: before the training), if it is its turn."""
        if epoch % self._train.image_every == 0 or epoch == self._train.epochs:
            self.run.log_image(pages.PREVIEW, self._preview.draw(preview, epoch), step=epoch)

    def log_checkpoint(self, epoch: int, save: Callable[[Path], None]) -> None:
        """Log what ``save`` writes into a folder, if it is the epoch's turn; the last one is a file's."""
        if epoch % self._train.checkpoint_every == 0 and epoch < self._train.epochs:
            self._log_saved(_checkpoint(epoch), save)

    def log_networks(self, epoch: int, step: int, save: Callable[[Path], None]) -> str | None:
        """Log what ``save`` writes into a folder, of the middle of an epoch.

        Returns:
            The artifact folder, or None: there was no room for it.
        """
        folder = f"{_checkpoint(epoch)}-step-{step}"
        return folder if self._log_saved(folder, save) else None

    def log_time(self, wall: float, steps: int, training: float) -> None:
        """Log the seconds in all, those of training without logging, and the steps per second in these."""
        times = {"wall_seconds": wall, "training_seconds": training, "steps_per_second": steps / training}
        self.run.log_metrics(times, step=self._train.epochs)

    def log_files(self) -> None:
        """Log what the finished training left in files, and tag the run with the generator's name."""
        files, shared = self._job.files, self._job.shared
        self.run.log_files(_checkpoint(self._train.epochs), files.generator, files.discriminator)
        figures = (shared.dataset_figure, files.animation, files.strip)
        self.run.log_files(PICTURES, *(figure for figure in figures if figure.exists()))
        self.run.log_model(files.generator, modules.needed())
        picture = pages.picture(files.animation.name)
        note = {pages.NOTE: f"{self._about}\n\n{picture}"} if files.animation.exists() else {}
        self.run.set_tags({tracking.GENERATOR: tracking.md5(files.generator), **note})

    def _log_saved(self, folder: str, save: Callable[[Path], None]) -> bool:
        try:
            with self._job.store.folder() as place:
                save(place)
                self.run.log_files(folder, *sorted(place.iterdir()))
        except OSError as error:
            warn(f"{folder} will not be in MLflow: {lack(error)}")
            return False
        return True


@contextmanager
def training(
    job: RunJob,
    split: Split,
    tags: Mapping[str, str],
    *,
    key: str | None = None,
    unless: tuple[str, str] | None = None,
) -> Iterator[Training]:
    """The run of a training that starts now; ``tags`` say at least the ``device`` (its type).

    Its parameters are those that the training depends on: of the others, the run may see several values.
    With ``key``, that of a killed training, its run goes on; with ``unless``, a tag and its value, a run that
    has it already is left as it is.
    """
    settings = {"seed": job.seed, **job.settings.rounding, "device": tags["device"]}
    blocks = ("data", "generator", "discriminator", "train")
    params = {k: v for k, v in flatten(job.params).items() if k.split(".")[0] in blocks} | settings
    files = job.files
    about = (
        f"A GAN on `{job.params.data.source}` with seed {job.seed}{_commit(tags)}. "
        f"Networks: `{files.generator.parent}/`; losses, scores, figures: `{files.losses.parent}/`."
    )
    tags = {"seed": str(job.seed), pages.NOTE: about, **tags}
    name = f"seed-{job.seed}"
    with job.store.start(job.experiment, name, tags, params, key=key, unless=unless) as run:
        run.set_experiment_tags(_experiment(job))
        run.log_dataset(job.experiment, job.shared.dataset)
        yield Training(job, run, split, about)


def training_of_files(job: RunJob, split: Split) -> tracking.Run:
    """The newest run whose generator is the one in the file; where there is none, one made from the files."""
    name = tracking.md5(job.files.generator)
    return job.store.find(job.experiment, tracking.GENERATOR, name) or _from_files(job, split)


def _from_files(job: RunJob, split: Split) -> tracking.Run:
    _, about = weights.load(job.files.generator, GENERATORS, torch.device("cpu"))
    tags = {"device": str(about["device"]), "source": "files"}  # which commit made them is not known here
    name = tracking.md5(job.files.generator)
    with training(job, split, tags, unless=(tracking.GENERATOR, name)) as record:
        try:
            first, epochs = history.load(job.files.losses, job.files.previews)
        except UserError as error:
            warn(f"the run in MLflow lacks its losses: {error}")
        else:
            record.log_preview(0, first)
            for epoch in epochs:
                record.log_epoch(epoch)
        record.log_files()
    return record.run


@contextmanager
def judge(job: Job, tags: Mapping[str, str]) -> Iterator[tracking.Run]:
    """The run of a judge's fitting that starts now."""
    params = {f"judge.{key}": value for key, value in flatten(job.params.judge).items()}
    about = f"The discriminative model that judges samples{_commit(tags)}: `{job.shared.judge}`."
    note = {pages.NOTE: f"{about}\n\n{pages.picture(job.shared.judge_figure.name)}"}
    with job.store.start(job.experiment, "judge", {**tags, pages.NOTE: about}, params) as run:
        run.set_experiment_tags(_experiment(job))
        yield run
        run.set_tags(note)


def environment(device: torch.device) -> dict[str, str]:
    """Tags that say what a run computes on, from which commit, for which stage and experiment of DVC's."""
    return {
        **_origin(),
        "device": device.type,
        "device.name": devices.name(device),
        "version.torch": torch.__version__,
        "version.python": platform.python_version(),
    }


def _checkpoint(epoch: int) -> str:
    """The artifact folder of both networks after an epoch."""
    return f"checkpoints/epoch-{epoch:04d}"


def _experiment(job: Job) -> dict[str, str]:
    about = (
        f"Generative adversarial networks on `{job.params.data.source}`, the block `{job.experiment}` of "
        "params.yaml: a run for each training, its seed in its name; one for the judge of their samples; and "
        "above several seeds one with their means."
    )
    return pages.about(about) | pages.view(history.COLUMNS[1:], job.params.train.epochs)


def _commit(tags: Mapping[str, str]) -> str:
    commit = tags.get(_COMMIT)
    return f", of commit `{commit[:7]}`" if commit else ""


def _origin() -> dict[str, str]:
    tags = {"dvc.stage": os.environ.get("DVC_STAGE"), "dvc.experiment": os.environ.get("DVC_EXP_NAME")}
    tags |= {"mlflow.source.name": f"stages/{Path(sys.argv[0]).name}", "mlflow.source.type": "LOCAL"}
    if git := shutil.which("git"):
        head = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
        tags[_COMMIT] = head.stdout.strip()
    return {key: value for key, value in tags.items() if value}
