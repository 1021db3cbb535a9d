"""Addresses of MLflow stores, and checks that find mistakes in them before any work is done."""

import base64
import os
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from importlib.metadata import entry_points
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from stages.runtime.errors import UserError, without_login
from stages.runtime.paths import STORE

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_MANAGED = ("databricks", "databricks-uc", "uc")
_OTHER_LOGINS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_CLIENT_CERT_PATH")
_PATIENCE = 2.0  # seconds that a stage waits for a server's answer about the login


def configured(default: str = STORE) -> str:
    """The address of the store: the value of ``MLFLOW_TRACKING_URI``, or the local store."""
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def public(uri: str) -> str:
    """An address without the user's name and password, for messages."""
    return without_login(uri, uri)


def is_server(uri: str) -> bool:
    """Whether an address is that of a server, not of a database."""
    return uri.partition("://")[0].lower() in ("http", "https")


def is_database(uri: str) -> bool:
    """Whether an address is that of a database, which MLflow uses without a server."""
    return "://" in uri and uri.partition("://")[0].lower().partition("+")[0] in _DATABASES


def check(uri: str) -> None:
    """Check that an address can be one of an MLflow store.

    Raises:
        UserError: it cannot; the message says why.
    """
    if reason := _mistake(uri):
        raise UserError(
            f"MLFLOW_TRACKING_URI is {public(uri)!r}: {reason}; "
            "it must be like http://127.0.0.1:5000 or sqlite:///mlflow.db"
        )


def check_login(uri: str) -> None:
    """Check that a server accepts the login. It is no error if it does not answer: what is logged waits.

    Raises:
        UserError: the login is missing or wrong.
    """
    own = any(os.environ.get(name) for name in _OTHER_LOGINS)
    if not is_server(uri) or own or _has_credentials_file():
        return  # only MLflow itself can log in there
    parts = urlsplit(uri)
    place = parts.netloc.rpartition("@")[2]
    address = f"{parts.scheme}://{place}{parts.path.rstrip('/')}/api/2.0/mlflow/experiments/search"
    request = urllib.request.Request(f"{address}?max_results=1")
    name = os.environ.get("MLFLOW_TRACKING_USERNAME") or unquote(parts.username or "")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or unquote(parts.password or "")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if name and password:
        login = base64.b64encode(f"{name}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    elif token:
        request.add_header("Authorization", f"Bearer {token}")
    if (code := _answer(request)) in (401, 403):
        what = "refuses the login" if (name and password) or token else "wants a login"
        raise UserError(
            f"MLflow at {public(uri)} {what} ({code}): set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )


def _answer(request: urllib.request.Request) -> int | None:
    """The HTTP status of a server's answer; None if it does not answer in time."""
    codes: list[int] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                codes.append(answer.status)
        except urllib.error.HTTPError as error:
            codes.append(error.code)
        except (OSError, ValueError, HTTPException):
            pass

    asking = Thread(target=ask, daemon=True)  # the timeout of urlopen does not include name resolution
    asking.start()
    asking.join(_PATIENCE + 0.5)
    return codes[0] if codes else None


def _mistake(uri: str) -> str | None:
    if uri in _MANAGED or uri.startswith("databricks:"):
        return None
    scheme, mark, rest = uri.partition("://")
    scheme = scheme.lower()
    in_a_path = scheme.startswith("sqlite") and not re.search(r"[^\S ]", uri)
    if uri != uri.strip() or (re.search(r"\s", uri) and not in_a_path):
        return "there is a space in it"
    if not mark or scheme == "file":
        if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1"):
            return None
        return "it names neither a server nor a database"
    if scheme in ("http", "https"):
        try:
            parts = urlsplit(uri)
            valid = bool(parts.hostname) and parts.port != 0
        except ValueError:
            return "its port is not a number between 1 and 65535, or its host is not valid"
        if valid and (parts.query or parts.fragment):
            return "it is the address of a page; leave out the ? or # and what follows"
        return None if valid else "it names no host"
    if scheme.partition("+")[0] in _DATABASES:
        if scheme.startswith("sqlite") and not rest.startswith("/"):
            return "a file's name comes after three slashes"
        return None if rest.strip("/") else "it names no database"
    if scheme in {point.name for point in entry_points(group="mlflow.tracking_store")}:
        return None
    return f"MLflow knows no {scheme}://"


def _has_credentials_file() -> bool:
    try:
        return Path("~/.mlflow/credentials").expanduser().exists()
    except (OSError, RuntimeError):
        return False
