"""What MLflow holds of a training and of a judge: logged while they run, or made from their files."""

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch

from stages.gan.core import devices, history, weights
from stages.gan.core.datasets import Split
from stages.gan.core.history import Epoch
from stages.gan.core.params import Experiment, Settings, Train, flatten
from stages.gan.evaluation.scores import MAIN, MEANINGS, Scores, in_mlflow, of_samples
from stages.gan.plots.evolution import Preview
from stages.runtime import changes, dvc, files
from stages.runtime.errors import UserError, describe_os_error, listed, warn
from stages.runtime.paths import ExperimentFiles, RunFiles
from stages.tracking import modules, pages
from stages.tracking.run import Run
from stages.tracking.store import Store
from stages.tracking.tags import CHANGED, COMMIT, DVC_EXPERIMENT, FITTED, GENERATOR, JUDGE, SEED

_PICTURES = ""  # artifact folder: none, as MLflow compares only pictures that are in none
# In what environment() returns, but no tags: the parameter "device", and what the file changes.diff holds.
_DEVICE, _DIFF = "device", "diff"
_NAMED = 5  # changed files that a tag names, at most


class TrainingRecord:
    """The MLflow run of a training.

    Args:
        store: keeps the files that are logged until they are sent.
        run: the run.
        train: the training's parameters.
        split: its data, which say how samples are shown.
    """

    def __init__(self, store: Store, run: Run, train: Train, split: Split) -> None:
        self.run = run
        self._store = store
        self._train = train
        self._preview = Preview(split)

    def log_epoch(self, epoch: Epoch) -> None:
        """Log an epoch's losses and mean D, and in every ``image_every``-th epoch the preview's picture."""
        self.run.log_metrics(history.metrics(epoch), step=epoch.number)
        self.log_preview(epoch.number, epoch.preview)

    def log_preview(self, epoch: int, preview: torch.Tensor) -> None:
        """Log the preview's picture (epoch 0: before the training), if it is due in this epoch."""
        if epoch % self._train.image_every == 0 or epoch == self._train.epochs:
            self.run.log_image(pages.PREVIEW, self._preview.draw(preview, epoch), step=epoch)

    def log_checkpoint(self, epoch: int, save: Callable[[Path], None]) -> None:
        """Log what ``save`` writes into a folder, if it is due; :meth:`log_files` logs the last epoch's."""
        if epoch % self._train.checkpoint_every == 0 and epoch < self._train.epochs:
            self._log_saved(_checkpoint(epoch), save)

    def log_networks(self, epoch: int, step: int, save: Callable[[Path], None]) -> str | None:
        """Log what ``save`` writes into a folder, in the middle of an epoch.

        Returns:
            The artifact folder, or None if there was no room for the files.
        """
        folder = f"{_checkpoint(epoch)}-step-{step}"
        return folder if self._log_saved(folder, save) else None

    def log_time(self, wall: float, steps: int, training: float) -> None:
        """Log the seconds in all, those of training without logging, and its steps per second."""
        times = {"wall_seconds": wall, "training_seconds": training, "steps_per_second": steps / training}
        self.run.log_metrics(times, step=self._train.epochs)

    def log_files(self, generator: Path, discriminator: Path) -> None:
        """Log the networks of the finished training, and tag the run with the generator's MD5 sum."""
        epoch = weights.read_about(generator).get("epoch", self._train.epochs)
        self.run.log_files(_checkpoint(epoch), generator, discriminator)
        self._log_made("the model", lambda folder: self.run.log_model(generator, modules.pack(folder)))
        self.run.set_tags({GENERATOR: files.md5(generator)})

    def _log_saved(self, folder: str, save: Callable[[Path], None]) -> bool:
        def log(place: Path) -> None:
            save(place)
            self.run.log_files(folder, *sorted(place.iterdir()))

        return self._log_made(folder, log)

    def _log_made(self, what: str, log: Callable[[Path], None]) -> bool:
        """Log files that ``log`` makes in a folder; a line says if there is no room for them."""
        try:
            with self._store.folder() as folder:
                log(folder)
        except OSError as error:
            warn(f"{what} will not be in MLflow: {describe_os_error(error)}")
            return False
        return True


@contextmanager
def training(
    store: Store,
    name: str,
    seed: int,
    experiment: Experiment,
    settings: Settings,
    split: Split,
    tags: Mapping[str, str],
    *,
    key: str | None = None,
    if_absent_tag: tuple[str, str] | None = None,
) -> Iterator[TrainingRecord]:
    """The run of a training that starts now; ``tags`` are as :func:`environment` returns them.

    Its parameters are those that the training depends on: the others may change while the run is used.
    With ``key``, that of a killed training, its run goes on; with ``if_absent_tag``, a tag and its value, a
    run that has it already is left as it is.
    """
    device = tags[_DEVICE]
    tags, diff = _only_tags(tags)
    blocks = ("data", "generator", "discriminator", "train")
    params = {k: v for k, v in flatten(experiment).items() if k.split(".")[0] in blocks}
    params |= {SEED: seed, "threads": settings.threads, "device": device}
    about = _about_training(name, seed, experiment).replace(pages.ORIGIN, pages.origin(tags))
    tags = {SEED: str(seed), pages.NOTE: about, **tags}
    with store.start(name, f"seed-{seed}", tags, params, key=key, if_absent_tag=if_absent_tag) as run:
        view = pages.view(history.COLUMNS[1:], experiment.train.epochs)
        run.set_experiment_tags(_about_experiment(name, experiment) | view)
        _log_diff(store, run, diff)
        run.log_dataset(name, ExperimentFiles(name).dataset)
        yield TrainingRecord(store, run, experiment.train, split)


def training_of_files(
    store: Store, name: str, seed: int, experiment: Experiment, settings: Settings, split: Split
) -> Run:
    """The newest run whose generator is the one in the file; if there is none, one made from the files."""
    run_files = RunFiles(name, seed)
    found = (GENERATOR, files.md5(run_files.generator))
    if run := store.find(name, *found):
        return run
    # Which commit made them is not known here.
    tags = {"source": "files", _DEVICE: str(weights.read_about(run_files.generator)["device"])}
    with training(store, name, seed, experiment, settings, split, tags, if_absent_tag=found) as record:
        try:
            first, epochs = history.load(run_files.losses, run_files.previews)
        except UserError as error:
            warn(f"the run in MLflow lacks its losses: {error}")
        else:
            record.log_preview(0, first)
            for epoch in epochs:
                record.log_epoch(epoch)
        record.log_files(run_files.generator, run_files.discriminator)
    return record.run


def log_pictures(run: Run, name: str, seed: int, experiment: Experiment) -> None:
    """Log the pictures of a run that are on disk, and have its description show that of its evolution."""
    run_files = RunFiles(name, seed)
    still = (run_files.samples_figure, run_files.losses_figure, run_files.coverage_figure)
    run.log_files(_PICTURES, *still, run_files.animation, run_files.strip)
    picture = pages.picture(run_files.animation.name)
    run.set_tags({pages.NOTE: f"{_about_training(name, seed, experiment)}\n\n{picture}"})


def log_scores(run: Run, name: str, seed: int, experiment: Experiment, scores: Scores, judge: str) -> None:
    """Log a run's scores: as metrics those of its samples, and all of them, with their baselines, as a file.

    Pictures that belong to the run's files already, as in a fresh clone, are logged, too: DVC then has no
    reason to run the stage that draws and logs them.

    Args:
        run: the training's run.
        name: of the experiment.
        seed: of the run.
        experiment: its parameters.
        scores: as ``metrics.json`` has them, which is written already, as is ``run.json``.
        judge: the MD5 sum of the judge's file.
    """
    found, run_files, epochs = of_samples(scores), RunFiles(name, seed), experiment.train.epochs
    run.log_metrics({in_mlflow(score): value for score, value in found.items()}, step=epochs)
    run.log_files("", run_files.scores, run_files.run)
    run.set_tags({JUDGE: judge})
    graded = [score for score, meaning in MEANINGS.items() if score in found and meaning.better != "none"]
    main = [score for score in graded if score in (*MAIN, experiment.evaluate.primary)]
    run.set_experiment_tags(pages.view(history.COLUMNS[1:], epochs, graded, main))
    if dvc.is_current(f"plot@{name}-{seed}"):
        log_pictures(run, name, seed, experiment)


@contextmanager
def judge(store: Store, name: str, experiment: Experiment, tags: Mapping[str, str]) -> Iterator[Run]:
    """The run of a judge's fitting that starts now; with its pictures, if they are there, as for scores."""
    params = {f"judge.{key}": value for key, value in flatten(experiment.judge).items()}
    tags, diff = _only_tags(tags)
    tags[pages.NOTE] = _about_judge(name).replace(pages.ORIGIN, pages.origin(tags))
    with store.start(name, "judge", tags, params) as run:
        losses = [f"loss/judge_{number + 1}" for number in range(experiment.judge.count)]
        about = _about_experiment(name, experiment) | pages.judge_view(losses)
        run.set_experiment_tags(about, if_absent=True)  # once there are trainings, the view is theirs
        _log_diff(store, run, diff)
        yield run
        run.set_tags(dict.fromkeys((FITTED, JUDGE), files.md5(ExperimentFiles(name).judge)))
        if dvc.is_current(f"plot-data@{name}"):
            log_judge_pictures(run, name)


def log_judge_pictures(run: Run, name: str) -> None:
    """Log the pictures of data and judge that are on disk; the run's description shows that of the judge."""
    shared = ExperimentFiles(name)
    run.log_files(_PICTURES, shared.dataset_figure, shared.judge_figure)
    picture = pages.picture(shared.judge_figure.name)
    run.set_tags({pages.NOTE: f"{_about_judge(name)}\n\n{picture}"})


def environment(device: torch.device) -> dict[str, str]:
    """Tags of a run that starts now: its device, versions, commit, and experiment of DVC's.

    Two of the entries become no tags: the type of the device, which is a parameter, and, if code or
    parameters differ from the commit's, the diff, which is a file.
    """
    return {
        **_origin(),
        _DEVICE: device.type,
        "device.name": devices.name(device),
        "versions": f"PyTorch {torch.__version__}, Python {platform.python_version()}",
    }


def _checkpoint(epoch: int) -> str:
    """The artifact folder of both networks after an epoch."""
    return f"checkpoints/epoch-{epoch:04d}"


def _about_experiment(name: str, experiment: Experiment) -> dict[str, str]:
    return pages.about(
        f"Generative adversarial networks on `{experiment.data.piece.name}`, the block `{name}` of "
        "params.yaml. Each training is a run with its seed in its name. The run `judge` is the model that "
        "judges their samples. Several seeds have a parent run with their medians."
    )


def _about_training(name: str, seed: int, experiment: Experiment) -> str:
    run_files = RunFiles(name, seed)
    return (
        f"A GAN on `{experiment.data.piece.name}` with seed {seed}{pages.ORIGIN}. "
        f"Networks: `{run_files.generator.parent}/`; losses, scores, figures: `{run_files.losses.parent}/`."
    )


def _about_judge(name: str) -> str:
    return f"The discriminative model that judges samples{pages.ORIGIN}: `{ExperimentFiles(name).judge}`."


def _only_tags(tags: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The tags of what :func:`environment` returns, and the diff."""
    return {key: value for key, value in tags.items() if key not in (_DEVICE, _DIFF)}, tags.get(_DIFF, "")


def _log_diff(store: Store, run: Run, diff: str) -> None:
    if diff:
        with store.folder() as folder:
            file = folder / pages.DIFF
            try:
                file.write_text(diff, encoding="utf-8")
            except OSError as error:
                warn(f"{pages.DIFF} will not be in MLflow: {describe_os_error(error)}")
            else:
                run.log_files("", file)


def _origin() -> dict[str, str]:
    tags = {DVC_EXPERIMENT: os.environ.get("DVC_EXP_NAME")}
    tags |= {"mlflow.source.name": f"stages/{Path(sys.argv[0]).name}", "mlflow.source.type": "LOCAL"}
    if origin := changes.origin():
        tags[COMMIT] = origin.commit
        tags[CHANGED] = listed(origin.changed, _NAMED) or "no"
        tags[_DIFF] = origin.diff
    return {key: value for key, value in tags.items() if value}
