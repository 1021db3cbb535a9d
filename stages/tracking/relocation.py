"""SQLite stores that were copied or moved: their artifacts are those beside them again.

MLflow notes of each experiment and run the absolute path of its artifacts. So a copy would go on to write
where the first store is, and one that was moved to where it was.
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

ARTIFACTS = "mlruns"  # the folder that MLflow puts artifacts into
_DATABASE = "mlflow.db"
_WAIT = 20.0  # seconds for the lock of another process, as long as MLflow waits
_NOTED = """
    SELECT name, experiment_id, '', artifact_location FROM experiments
    UNION ALL
    SELECT experiments.name, runs.experiment_id, run_uuid, artifact_uri
    FROM runs JOIN experiments ON experiments.experiment_id = runs.experiment_id
"""
_COLUMNS = (  # all that have places of artifacts
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)


@dataclass
class _Noted:
    """What is noted to be in the usual folder, ``mlruns/EXPERIMENT_ID``, of a folder.

    Attributes:
        experiments: the names of those with artifacts there.
        runs: their folders, from that folder on.
    """

    experiments: set[str] = field(default_factory=set)
    runs: set[Path] = field(default_factory=set)


def bring_home(local: Database) -> dict[str, str]:
    """Have MLflow look for artifacts beside the database again, if it was copied or moved; a warning says so.

    It was, if they are noted in the usual folder of another folder, and either a database is there, too, or
    the artifacts of a run are here. All other places are of somebody's choice, and stay.

    Returns:
        For experiments, by their names, with runs whose artifacts are noted in a folder that is nowhere: what
        to do.

    Raises:
        sqlite3.Error: the file cannot be read, or not be written.
    """
    if not _exists(local.file):
        return {}
    with closing(sqlite3.connect(local.file, timeout=_WAIT, isolation_level=None)) as connection:
        if _left(connection, local):
            connection.execute("BEGIN IMMEDIATE")
            left = _left(connection, local)  # another process may have been quicker
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
    """Bring the artifacts of an SQLite store home, as far as that is possible; a warning says what is not."""
    if local := database.of(uri):
        try:
            lost = bring_home(local)
        except sqlite3.Error as error:
            warn(f"MLflow at {local.file} fails: {error}")
        else:
            for _, reason in sorted(lost.items()):
                warn(f"MLflow: {reason}")


def quoted(path: Path) -> str:
    """A path as MLflow reads it: it takes what looks like an escape for one."""
    return quote_from_bytes(bytes(path))


def _left(connection: sqlite3.Connection, local: Database) -> dict[Path, _Noted]:
    """The folders that the database has come from."""
    return {
        folder: noted
        for folder, noted in _noted(connection, local).items()
        if _misread(folder, local)
        or _has_database(folder, local)
        or any(_exists(local.folder / run) for run in noted.runs)
    }


def _noted(connection: sqlite3.Connection, local: Database) -> dict[Path, _Noted]:
    """What is noted in usual folders of other folders than the database's."""
    try:
        rows = connection.execute(_NOTED).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # MLflow has not made them yet
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
    """Have a column name the folder that is at home in place of others."""
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
    """Whether a folder has a database that may be the first of which this one is a copy."""
    return any(_exists(folder / name) for name in (local.name, _DATABASE))


def _is_home(folder: Path, local: Database) -> bool:
    """Whether a folder is the database's, by whatever path."""
    try:
        return folder.resolve() == local.folder or (folder / local.name).samefile(local.file)
    except (OSError, RuntimeError):
        return False


def _misread(folder: Path, local: Database) -> bool:
    """Whether a folder is the database's own, as MLflow notes it and reads it as another."""
    return folder == Path(unquote(str(local.folder)))


def _path(text: str | None) -> str:
    """The path in MLflow's address of a place, as MLflow reads it; empty if it is none on this machine."""
    if not text or re.match(r"(?!file:)[a-zA-Z][a-zA-Z0-9+.-]*:", text):
        return ""
    return unquote(urlsplit(text).path if text.startswith("file:") else text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # as of a folder that others may not look into
        return False
