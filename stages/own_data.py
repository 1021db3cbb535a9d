"""Data of one's own, which DVC finds by links: it cannot take a path out of an experiment's parameters."""

import os
from collections.abc import Mapping
from pathlib import Path

from stages import paths
from stages.gan.errors import UserError
from stages.gan.params import ArrayData, Data, Experiment, ImagesData, SineData, held_out


def check(params: Path, name: str, experiment: Experiment) -> tuple[int, ...]:
    """Refuse data that are not there, or too few for a batch.

    Returns:
        The shape of a sample, whatever the data.

    Raises:
        UserError: it names the parameter file, and the experiment in it.
    """
    data = experiment.data
    if isinstance(data, SineData):
        return (2,)
    if not isinstance(data, ArrayData | ImagesData):
        return data.channels, data.side, data.side
    from stages.gan import image_folders, tables  # NumPy takes its time

    shape: tuple[int, ...]
    try:
        place = Path(data.path).expanduser()
        _refuse(place, data.path)
        if isinstance(data, ArrayData):
            values = tables.read(place).values
            count, classes, shape = len(values), 1, values.shape[1:]
        else:
            found = image_folders.find(place)
            count, classes = len(found.images), max(1, len(found.classes))
            shape = data.channels, data.side, data.side
    except (UserError, RuntimeError, ValueError) as error:  # of a home, or a path, that cannot be
        raise UserError(f"{params}: {name}.data.path: {error}") from error
    size, most = experiment.train.batch_size, count - held_out(count, classes)
    if size > most:
        raise UserError(
            f"{params}: {name}.train.batch_size: {size} is more than the {most} training samples there are, "
            f"as {data.path} holds {count} in all"
        )
    return shape


def _refuse(place: Path, path: str) -> None:
    """Refuse what holds the folders that DVC removes, or lies in one."""
    for folder in (paths.SOURCES, paths.CODE, paths.RUNS):
        ours, there = folder.resolve(), (place.absolute(), place.resolve())
        if ours.is_relative_to(there[1]):
            raise UserError(f"{path} holds this project; name a folder in it")
        if any(found.is_relative_to(ours) for found in there):
            raise UserError(f"{path} lies in {folder}, whose content the pipeline replaces; move it")


def link(data: Mapping[str, Data]) -> None:
    """Have a link for each experiment with data of its own, a file for each other one.

    Git keeps them, so that where all else comes by ``dvc pull``, there is nothing to run.
    """
    paths.SOURCES.mkdir(parents=True, exist_ok=True)
    for old in paths.SOURCES.iterdir():
        if old.is_symlink() or old.is_file():
            old.unlink()
    for name, source in data.items():
        path = paths.SOURCES / name
        if isinstance(source, ArrayData | ImagesData):
            place = Path(source.path).expanduser()
            found = place.resolve()
            if not found.exists():  # of an experiment that is not listed
                path.write_text(f"{source.path}: not there\n", encoding="utf-8")
                continue
            inside = found.is_relative_to(Path.cwd())  # then a copy of the whole has its own
            path.symlink_to(os.path.relpath(found, paths.SOURCES.resolve()) if inside else found)
        else:
            path.write_text(f"{source.source}: no data of one's own\n", encoding="utf-8")
