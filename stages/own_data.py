"""Data of one's own, which DVC finds by links: it cannot take a path out of an experiment's parameters."""

import os
from collections.abc import Mapping
from pathlib import Path

from stages import paths
from stages.gan.errors import UserError
from stages.gan.params import HELD_OUT, ArrayData, Data, Experiment, ImagesData, SineData


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

    place = Path(data.path).expanduser()
    if paths.SOURCES.resolve().is_relative_to(place.resolve()):
        raise UserError(
            f"{params}: {name}.data.path: {data.path} holds this project; name a folder of its own"
        )
    shape: tuple[int, ...]
    try:
        if isinstance(data, ArrayData):
            values = tables.read(place).values
            count, shape = len(values), values.shape[1:]
        else:
            count, shape = len(image_folders.find(place).images), (data.channels, data.side, data.side)
    except UserError as error:
        raise UserError(f"{params}: {name}.data.path: {error}") from error
    size, most = experiment.train.batch_size, count - count // HELD_OUT
    if size > most:
        raise UserError(
            f"{params}: {name}.train.batch_size: {size} is more than the {most} training samples there are, "
            f"as {data.path} holds {count} in all"
        )
    return shape


def link(data: Mapping[str, Data]) -> None:
    """Have a link for each experiment with data of its own, a file for each other one, and nothing else."""
    paths.SOURCES.mkdir(parents=True, exist_ok=True)
    for old in paths.SOURCES.iterdir():
        old.unlink()
    for name, source in data.items():
        path = paths.SOURCES / name
        if isinstance(source, ArrayData | ImagesData):
            place = Path(source.path).expanduser()
            path.symlink_to(place if place.is_absolute() else os.path.relpath(place, paths.SOURCES))
        else:
            path.write_text(f"{source.source}: no data of one's own\n", encoding="utf-8")
