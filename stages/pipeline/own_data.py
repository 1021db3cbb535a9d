"""The user's own data, which DVC finds by links: it cannot take a path out of an experiment's parameters."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from stages.gan.core.params import Experiment, pieces
from stages.gan.core.source import Source
from stages.gan.sources.images import ImagesSource
from stages.runtime import paths, progress
from stages.runtime.errors import UserError


def check(params: Path, name: str, experiment: Experiment) -> tuple[int, ...]:
    """Refuse data that are not there, or too few for a batch, or images that cannot be read.

    Returns:
        The shape of a sample, whatever the data.

    Raises:
        UserError: it names the parameter file, and the experiment in it.
    """
    source = experiment.source
    with _errors_at(f"{params}: {name}.{'data' if source.path is None else 'data.path'}"):
        if source.path is not None:
            _refuse(Path(source.path).expanduser(), source.path)
        with pieces.errors_at(experiment.data.piece):
            measured = source.measure(paths.RAW)
    if experiment.train.condition and measured.labelled is False:
        raise UserError(
            f"{params}: {name}.train.condition: the images have no labels, and so no classes; set it to false"
        )
    if experiment.train.samples_in_step > measured.training:
        holds = "" if source.path is None else f" in {source.path}, beside those held out for tests"
        raise UserError(
            f"{params}: {name}.{experiment.train.what_of_a_step} more than the {measured.training} training "
            f"samples there are{holds}"
        )
    if isinstance(source, ImagesSource):
        show = partial(progress.track, unit="image", describe=lambda _: "checked", every=10_000)
        with _errors_at(f"{params}: {name}.data.path"):
            source.verify(paths.RAW, show)
    return measured.shape


@contextmanager
def _errors_at(place: str) -> Iterator[None]:
    """Have errors name the place in the parameter file."""
    try:
        yield
    except (UserError, RuntimeError, ValueError) as error:  # of a home, or a path, that cannot be
        raise UserError(f"{place}: {error}") from error


def _refuse(place: Path, path: str) -> None:
    """Refuse what holds the folders that DVC removes, or lies in one; or what a copy of DVC's lacks."""
    if paths.home() != Path() and not place.exists():
        raise UserError(
            f"{path} is not in the copy of the repository in which DVC runs this: commit it, name it by its "
            f"absolute path, or add --copy-paths {path}"
        )
    for folder in (paths.SOURCES, paths.CODE, paths.RUNS):
        ours, there = folder.resolve(), (place.absolute(), place.resolve())
        if ours.is_relative_to(there[1]):
            raise UserError(f"{path} holds this project; name a folder in it")
        if any(found.is_relative_to(ours) for found in there):
            raise UserError(f"{path} lies in {folder}, whose content the pipeline replaces; move it")


def link(sources: Mapping[str, Source]) -> None:
    """Have a link for each experiment with data of the user's, a file for each other one.

    Git keeps them, so that where all else comes by ``dvc pull``, there is nothing to run.
    """
    paths.SOURCES.mkdir(parents=True, exist_ok=True)
    for old in paths.SOURCES.iterdir():
        if old.is_symlink() or old.is_file():
            old.unlink()
    for name, source in sources.items():
        path = paths.SOURCES / name
        if source.path is None:
            path.write_text("no data of the user's own\n", encoding="utf-8")
            continue
        found = Path(source.path).expanduser().resolve()
        if not found.exists():  # of an experiment that is not listed
            path.write_text(f"{source.path}: not there\n", encoding="utf-8")
            continue
        inside = found.is_relative_to(Path.cwd())  # then a copy of the whole has its own
        path.symlink_to(os.path.relpath(found, paths.SOURCES.resolve()) if inside else found)
