import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from stages.runtime.errors import UserError, without_login
from stages.tracking import address


@pytest.mark.parametrize(
    "uri",
    [
        "http://",
        "http:/host",
        "http://host:port",
        "http://host:99999",
        "http://[::1",
        "https://us er@host",
        "127.0.0.1:5000",
        "localhost:5000",
        "mlflow.example.com",
        "htp://host",
        "sqlite://mlflow.db",
        "sqlite:///",
        "postgresql://",
        "ftp://host/x",
        "./mlruns",
        "file:///mlruns",
        " http://host",
        "http://127.0.0.1:5000/#/experiments/1",
        "http://127.0.0.1:5000/?page=1",
        "sqlite:///my\tfile",
    ],
)
def test_an_address_that_cannot_be_one_is_refused(uri):
    with pytest.raises(UserError, match="MLFLOW_TRACKING_URI is "):
        address.check(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000",
        "https://name:secret@mlflow.example.com/sub/path/",
        "http://[::1]:5000",
        "sqlite:///mlflow.db",
        "sqlite:////data/mlflow.db",
        "sqlite:////my data/mlflow.db",
        "HTTP://127.0.0.1:5000",
        "postgresql+psycopg2://name:secret@host:5432/mlflow",
        "databricks",
        "databricks://profile",
    ],
)
def test_others_are_not(uri):
    address.check(uri)


def test_secrets_are_not_shown():
    assert address.public("http://name:p@ss@host:1/a@b") == "http://host:1/a@b"
    assert address.public("http://host/a@b") == "http://host/a@b"
    assert address.public("http://name:pa/ss@host") == "http://host"
    assert address.public("postgresql://name:pa/ss@host:1/runs?a=b@c") == "postgresql://host:1/runs?a=b@c"
    assert address.public("sqlite:////data/a@b/mlflow.db") == "sqlite:////data/a@b/mlflow.db"
    text = "API request to http://name:secret@host/api failed"
    assert without_login(text, "http://name:secret@host") == "API request to http://host/api failed"
    with pytest.raises(UserError) as refused:
        address.check("htp://name:secret@host")
    assert "secret" not in str(refused.value)


@pytest.fixture
def answering() -> Iterator[Callable[[int], str]]:
    """Starts a server that answers one status to those that do not log in, and 200 to ann with the secret."""
    started = []

    def start(status: int) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.headers.get("Authorization") in ("Basic YW5uOnNlY3JldA==", "Bearer token")
                self.send_response(200 if known else status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        started.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _nobody(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_is_missing_or_wrong_is_refused(answering, monkeypatch, status):
    uri = f"http://{answering(status)}"
    with pytest.raises(UserError, match=f"wants a login .{status}.: set MLFLOW_TRACKING_USERNAME"):
        address.check_login(uri)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(UserError, match="refuses the login"):
        address.check_login(uri)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    address.check_login(uri)


def test_a_login_may_be_in_the_address_or_a_token(answering, monkeypatch):
    place = answering(401)
    address.check_login(f"http://ann:secret@{place}")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
    address.check_login(f"http://{place}/")


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_a_server_that_is_not_well_is_no_mistake(answering, status):
    address.check_login(f"http://{answering(status)}")


def test_one_that_speaks_no_http_is_no_mistake_either():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            server.accept()[0].sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address.check_login(f"http://127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "http://no.such.host.invalid", "sqlite:///mlflow.db"])
def test_one_that_is_not_there_is_no_mistake_either(uri):
    address.check_login(uri)
