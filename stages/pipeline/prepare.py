"""The data, from their source to tensors."""

from functools import partial

from stages.gan.core.datasets import wrong_dataset
from stages.gan.core.params import Experiment, pieces
from stages.runtime import paths, progress
from stages.runtime.errors import counted, say
from stages.runtime.paths import ExperimentFiles


def prepare(name: str, experiment: Experiment) -> None:
    """Make an experiment's data set."""
    shared = ExperimentFiles(name)
    show = partial(progress.track, unit="image", describe=lambda _: "read", every=10_000)
    piece = experiment.data.piece
    with pieces.errors_at(piece):
        dataset = experiment.source.load(paths.RAW, show)
    if (why := wrong_dataset(dataset, experiment.source)) is not None:
        raise piece.error(why)
    dataset.save(shared.dataset)
    names = dataset.train.classes
    classes = f" of {counted(len(names), 'class', 'classes')}" if names else ""
    say(
        f"prepare {name}: {len(dataset.train):,} training and {counted(len(dataset.test), 'test sample')} of "
        f"shape {tuple(dataset.shape)}{classes}; see {shared.dataset}"
    )
