"""A real MLflow server that can be stopped, started again and frozen, and a proxy before it that fails."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

Mood = Literal["well", "before", "after", "large", "missing"]


class Server:
    """A server on a port of its own, with its database and artifacts in a folder.

    Attributes:
        folder: holds its database, ``mlflow.db``, its artifacts and its log.
        uri: its address.
        process: it, while it runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self._port}"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What starts it, but for the port, and what its environment has besides."""
        command = [str(Path(sys.executable).with_name("mlflow")), "server", "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        return command, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            TimeoutError: it ends, or does not within three minutes; the message is its log.
        """
        command, settings = self.command()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self._port)],
                cwd=self.folder,
                env={**os.environ, **settings, "PATH": path},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + 180
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise TimeoutError((self.folder / "log").read_text())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of its processes, if it runs."""
        if self.process is not None:
            os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """Kill it, if it runs."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


class _Handler(BaseHTTPRequestHandler):
    """Passes on, or answers an error; or both: it has happened then, but nobody hears of it."""

    mood: Callable[[str], Mood]
    target: str

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mood = type(self).mood(self.requestline)
        status, answer = {"large": 413, "missing": 404}.get(mood, 500), b"no"
        if mood in ("well", "after"):
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding")}
            request = urllib.request.Request(
                self.target + self.path, body or None, headers, method=self.command
            )
            try:
                with urllib.request.urlopen(request) as done:
                    status, answer = done.status, done.read()
            except urllib.error.HTTPError as error:
                status, answer = error.code, error.read()
        if mood == "after":
            status, answer = 500, b"no"
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxy:
    """A proxy before a server.

    Args:
        mood: asked at every request, by its first line: whether it goes ``well``, is answered 500 ``before``
            or ``after`` the server has done it, or is too ``large`` (413), or its address ``missing`` (404).
        target: the server's address.

    Attributes:
        uri: its own.
    """

    def __init__(self, mood: Callable[[str], Mood], target: str = "") -> None:
        handler = type("Handler", (_Handler,), {"mood": staticmethod(mood), "target": target})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
