"""Checking the user's own data, and linking to them, because DVC cannot take a path from the parameters."""

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
    """Refuse data that are missing or too few for a batch, and images that cannot be read.

    Returns:
        The shape of one sample: (D,) for points, (C, H, W) for images.

    Raises:
        UserError: the data cannot be used; the message names the parameter file and the experiment.
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
    """Within the block, make errors name a place in the parameter file."""
    try:
        yield
    except (UserError, RuntimeError, ValueError) as error:  # an unknown home, an impossible path
        raise UserError(f"{place}: {error}") from error


def _refuse(place: Path, path: str) -> None:
    """Refuse data that contain, or are in, a folder that the pipeline replaces, or that DVC's copy lacks."""
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
    """Make a link for each experiment that uses the user's own data, and a text file for each other one.

    Git tracks these files, so after ``dvc pull`` all outputs are there, and no stage has to run.
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
        if not found.exists():  # possible only if the experiment is not listed
            path.write_text(f"{source.path}: not there\n", encoding="utf-8")
            continue
        inside = found.is_relative_to(Path.cwd())  # then a copy of the repository has its own copy of it
        path.symlink_to(os.path.relpath(found, paths.SOURCES.resolve()) if inside else found)
