"""Connecting to an MLflow store: the client is only made if the store can be reached."""

import fcntl
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stages.tracking import address, database, relocation
from stages.tracking.database import Database

if TYPE_CHECKING:
    from mlflow import MlflowClient


def connect(uri: str) -> "tuple[MlflowClient, dict[str, str]]":
    """Connect to a store. A missing database is made; an SQLite file has its artifacts beside it.

    Returns:
        The client, and the result of :func:`relocation.bring_home`.

    Raises:
        Exception: whatever MLflow, SQLAlchemy and the drivers of databases raise.
    """
    from mlflow import MlflowClient

    lost = {}
    with _alone(uri):
        if address.is_database(uri):
            _reach(uri)
        if local := database.of(uri):
            _make_tables(uri, local)
            lost = relocation.bring_home(local)
        client = MlflowClient(tracking_uri=uri)
        if not address.is_server(uri):
            client.search_experiments(max_results=1)
    return client, lost


def _reach(uri: str) -> None:
    """Check that a database can be reached: MLflow would try for minutes before it reports an error."""
    from mlflow.store.db.utils import create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(uri)
    engine.connect().close()
    engine.dispose()


def _make_tables(uri: str, local: Database) -> None:
    """Make MLflow's tables if they are missing: MLflow's own call fails if the folder's name has a quote."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, relocation.quoted(local.folder / relocation.ARTIFACTS))


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Run the block in one of our processes at a time: two that make MLflow's tables at once break them."""
    local = database.of(uri)
    uri = str(local.file) if local else uri
    path = Path(tempfile.gettempdir(), f"mlflow-tables-{uuid.uuid5(uuid.NAMESPACE_URL, uri)}")
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:  # the file is another user's, or the disk is full
        file = -1
    try:
        with suppress(OSError):
            if file >= 0:
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        if file >= 0:
            os.close(file)
