"""SQLite stores that were copied or moved: correcting the paths of their artifacts.

MLflow stores the absolute path of the artifacts of each experiment and run. So a copied store would still
write to the folder of the original, and a moved one to its old folder.
"""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote, urlsplit

from stages.runtime.errors import counted, warn
from stages.tracking import database
from stages.tracking.database import Database

ARTIFACTS = "mlruns"  # MLflow's folder for artifacts
_DATABASE = "mlflow.db"
_WAIT = 20.0  # seconds to wait for another process's lock, the same as in MLflow
_NOTED = """
    SELECT name, experiment_id, '', artifact_location FROM experiments
    UNION ALL
    SELECT experiments.name, runs.experiment_id, run_uuid, artifact_uri
    FROM runs JOIN experiments ON experiments.experiment_id = runs.experiment_id
"""
_COLUMNS = (  # all columns with paths of artifacts
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)


@dataclass
class _Noted:
    """What the database says is in one folder, at MLflow's usual paths ``mlruns/EXPERIMENT_ID``.

    Attributes:
        experiments: the names of experiments with artifacts there.
        runs: the runs' paths, relative to the folder.
    """

    experiments: set[str] = field(default_factory=set)
    runs: set[Path] = field(default_factory=set)


def bring_home(local: Database) -> dict[str, str]:
    """If the database was copied or moved, make its paths of artifacts point beside it; a warning says so.

    It was copied or moved if its paths are the usual ones of another folder, and either a database is in that
    folder, too, or artifacts of a run are here. All other paths were chosen by somebody, and stay.

    Returns:
        Advice, by the names of experiments with runs whose artifacts are in a folder that does not exist.

    Raises:
        sqlite3.Error: the file cannot be read or written.
    """
    if not _exists(local.file):
        return {}
    with closing(sqlite3.connect(local.file, timeout=_WAIT, isolation_level=None)) as connection:
        if _left(connection, local):
            connection.execute("BEGIN IMMEDIATE")
            left = _left(connection, local)  # again, as another process may have done it meanwhile
            for table, column in _COLUMNS:
                _rewrite(connection, table, column, list(left), local.folder)
            connection.execute("COMMIT")
            for folder, noted in left.items():
                _report(local, folder, noted)
        return {
            name: f"the artifacts of {name} belong in {folder / ARTIFACTS}, which is not there: move that "
            f"folder to {local.folder / ARTIFACTS}, beside {local.name}, or make it again where it was"
            for folder, noted in _noted(connection, local).items()
            for name in noted.experiments
            if noted.runs and not _exists(folder / ARTIFACTS)
        }


def settle(uri: str) -> None:
    """Call :func:`bring_home` for an SQLite store; errors and advice are printed as warnings."""
    if local := database.of(uri):
        try:
            lost = bring_home(local)
        except sqlite3.Error as error:
            warn(f"MLflow at {local.file} fails: {error}")
        else:
            for _, reason in sorted(lost.items()):
                warn(f"MLflow: {reason}")


def quoted(path: Path) -> str:
    """A path in the form that MLflow reads, with special characters as ``%XX``."""
    return quote_from_bytes(bytes(path))


def _left(connection: sqlite3.Connection, local: Database) -> dict[Path, _Noted]:
    """The folders from which the database was copied or moved, and what it says is in them."""
    return {
        folder: noted
        for folder, noted in _noted(connection, local).items()
        if _misread(folder, local)
        or _has_database(folder, local)
        or any(_exists(local.folder / run) for run in noted.runs)
    }


def _noted(connection: sqlite3.Connection, local: Database) -> dict[Path, _Noted]:
    """What the database says is at usual paths of other folders than its own, by folder."""
    try:
        rows = connection.execute(_NOTED).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # MLflow has not made its tables yet
            return {}
        raise
    found: dict[Path, _Noted] = {}
    for experiment, number, run, text in rows:
        usual = Path(ARTIFACTS, str(number), run)
        end = f"/{usual}/artifacts" if run else f"/{usual}"
        path = _path(text)
        if path.endswith(end):
            noted = found.setdefault(Path(path.removesuffix(end) or "/"), _Noted())
            noted.experiments.add(experiment)
            noted.runs |= {usual} if run else set()
    return {folder: noted for folder, noted in found.items() if not _is_home(folder, local)}


def _rewrite(
    connection: sqlite3.Connection, table: str, column: str, folders: list[Path], home: Path
) -> None:
    """Replace ``folders`` by ``home`` in the paths of a column."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchall():
        return  # MLflow's version has no such table yet
    query = f"SELECT rowid, {column} FROM {table} WHERE {column} LIKE '%/{ARTIFACTS}/%'"
    for row, text in connection.execute(query).fetchall():
        path = Path(_path(text))
        for folder in folders:
            if path.is_relative_to(folder / ARTIFACTS):
                place = quoted(home / path.relative_to(folder))
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [place, row])


def _report(local: Database, folder: Path, noted: _Noted) -> None:
    if _misread(folder, local):
        return
    how = "copied" if _has_database(folder, local) else "moved"
    home = local.folder / ARTIFACTS
    line = f"MLflow's {local.file} was {how} from {folder}; its artifacts are in {home} from now on"
    left = [run for run in noted.runs if _exists(folder / run) and not _exists(local.folder / run)]
    if left:
        line += f"; copy {folder / ARTIFACTS} there for those of {counted(len(left), 'earlier run')}"
    warn(line)


def _has_database(folder: Path, local: Database) -> bool:
    """Whether a folder contains a database, which may be the original of this copy."""
    return any(_exists(folder / name) for name in (local.name, _DATABASE))


def _is_home(folder: Path, local: Database) -> bool:
    """Whether a folder is that of the database, by whatever path."""
    try:
        return folder.resolve() == local.folder or (folder / local.name).samefile(local.file)
    except (OSError, RuntimeError):
        return False


def _misread(folder: Path, local: Database) -> bool:
    """Whether a folder is the database's own, written by MLflow in a form that it reads as another one."""
    return folder == Path(unquote(str(local.folder)))


def _path(text: str | None) -> str:
    """The path in MLflow's address of a folder, as MLflow reads it; empty if it is not on this machine."""
    if not text or re.match(r"(?!file:)[a-zA-Z][a-zA-Z0-9+.-]*:", text):
        return ""
    return unquote(urlsplit(text).path if text.startswith("file:") else text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a folder without permission
        return False
