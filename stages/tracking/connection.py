"""MLflow's client of a store: made when the store can be reached, and only then."""

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
    """The client of a store; a database is made if need be, and has its artifacts beside it if it is a file.

    Returns:
        The client; and what :func:`relocation.bring_home` returns.

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
    """See whether a database can be reached: MLflow tries that for minutes before it says why it failed."""
    from mlflow.store.db.utils import create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(uri)
    engine.connect().close()
    engine.dispose()


def _make_tables(uri: str, local: Database) -> None:
    """Have MLflow make its tables, if it has not: by itself, it trips over a quote in the folder's name."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(uri, relocation.quoted(local.folder / relocation.ARTIFACTS))


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Keep others of our processes waiting: several that make MLflow's tables at once leave them broken."""
    local = database.of(uri)
    uri = str(local.file) if local else uri
    path = Path(tempfile.gettempdir(), f"mlflow-tables-{uuid.uuid5(uuid.NAMESPACE_URL, uri)}")
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:  # another user's, or a full disk
        file = -1
    try:
        with suppress(OSError):
            if file >= 0:
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        if file >= 0:
            os.close(file)
