"""Atomic filling of folders: if it is interrupted, the folder is as it was before."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Give a temporary folder to write files to; at the end of the block they move to ``folder``.

    ``folder`` is made if it does not exist. Files with the same names are replaced, others stay. After an
    exception nothing has changed. (A kill may leave the temporary folder, ``.NAME.PROCESS``.)

    Raises:
        OSError: something cannot be written; the error names ``folder``.
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
