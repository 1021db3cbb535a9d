"""Folders that are filled whole or not at all: what is cut short leaves the folder as it was before."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """A new, empty folder to write files to; after the block they are in ``folder``, which may be new, too.

    Files of the same names are replaced there, others stay. After an exception nothing has changed. (A kill
    may leave the new folder, ``.NAME.PROCESS``.)

    Raises:
        OSError: something cannot be written; it names ``folder``.
    """
    exists = folder.is_dir()
    name = f".{folder.name}.{os.getpid()}"
    aside = folder / name if exists else folder.with_name(name)  # on the same disk, so that moving is quick
    try:
        aside.mkdir(parents=True)
        yield aside
        if exists:
            for file in sorted(aside.iterdir()):
                file.replace(folder / file.name)
        else:
            aside.replace(folder)
    except OSError as error:
        if error.errno is not None and str(error.filename or aside).startswith(str(aside)):
            raise OSError(error.errno, error.strerror, str(folder)) from error
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
