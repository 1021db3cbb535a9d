"""Users of the team's MLflow server: who may look, and who may train.

The server is the one that MLFLOW_TRACKING_URI names; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD
log in as its admin, or as anybody who changes their own password. New passwords are asked for, or read from
the standard input.
"""

import argparse
import base64
import getpass
import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

VARIABLES = [f"MLFLOW_TRACKING_{name}" for name in ("URI", "USERNAME", "PASSWORD")]
WORKSPACE = "default"  # the only one of a server without workspaces
WRITERS = "writers"  # the role of those who train
# Runs may be deleted, too: where an answer was lost and a run came to be twice, the sender deletes one.
MAY = {"experiment": "EDIT", "run": "MANAGE"}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "read": "let a user look and no more; one who is not there yet is made",
        "write": "let a user train; one who is not there yet is made",
        "password": "change a user's password",
        "remove": "remove a user; their runs stay",
    }.items():
        commands.add_parser(name, help=text).add_argument("user")
    arguments = parser.parse_args()
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri and not uri.startswith(("http://", "https://")):
        sys.exit("MLFLOW_TRACKING_URI: must be a server's address: https://…")
    if "@" in uri:
        sys.exit("MLFLOW_TRACKING_URI: no login belongs in it; set MLFLOW_TRACKING_USERNAME and …_PASSWORD")
    if missing := [variable for variable in VARIABLES if not os.environ.get(variable)]:
        sys.exit(f"set {' and '.join(missing)}")
    do(arguments.command, arguments.user)


def do(command: str, user: str) -> None:
    """Do what one of the commands says."""
    if command == "remove":
        call("DELETE", "2.0/mlflow/users/delete", username=user)
        return
    if command == "password":
        own = {"current_password": os.environ["MLFLOW_TRACKING_PASSWORD"]}
        proof = own if user == os.environ["MLFLOW_TRACKING_USERNAME"] else {}
        call("PATCH", "2.0/mlflow/users/update-password", username=user, password=new_password(), **proof)
        return
    users = call("GET", "2.0/mlflow/users/list")["users"]
    if user not in (entry["username"] for entry in users):
        call("POST", "2.0/mlflow/users/create", username=user, password=new_password())
    role = writers()
    roles = call("GET", "3.0/mlflow/users/roles/list", username=user)["roles"]
    has = role in (entry["id"] for entry in roles)
    if command == "write" and not has:
        call("POST", "3.0/mlflow/roles/assign", username=user, role_id=role)
    elif command == "read" and has:
        call("DELETE", "3.0/mlflow/roles/unassign", username=user, role_id=role)


def writers() -> int:
    """The role of those who train, which is made if it is not there yet."""
    for role in call("GET", "3.0/mlflow/roles/list", workspace=WORKSPACE)["roles"]:
        if role["name"] == WRITERS:
            return int(role["id"])
    role = call("POST", "3.0/mlflow/roles/create", workspace=WORKSPACE, name=WRITERS)["role"]
    for kind, permission in MAY.items():
        grant = {"resource_type": kind, "resource_pattern": "*", "permission": permission}
        call("POST", "3.0/mlflow/roles/permissions/add", role_id=role["id"], **grant)
    return int(role["id"])


def new_password() -> str:
    """A new password, from the terminal, or the first line of the standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("new password: ")
    if getpass.getpass("again: ") != first:
        sys.exit("they differ; nothing is changed")
    return first


def call(method: str, path: str, **fields: object) -> dict[str, Any]:
    """Ask the server; where it refuses, end with what it says."""
    uri, name, password = (os.environ[variable] for variable in VARIABLES)
    login = base64.b64encode(f"{name}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    query = f"?{urlencode(fields)}" if method == "GET" else ""
    body = None if method == "GET" else json.dumps(fields).encode()
    request = urllib.request.Request(f"{uri.rstrip('/')}/api/{path}{query}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.loads(answer.read() or b"{}"))
    except urllib.error.HTTPError as error:
        sys.exit(f"{uri} answers {error.code}: {error.read().decode(errors='replace').strip()}")
    except OSError as error:
        sys.exit(f"{uri} does not answer: {error}")


if __name__ == "__main__":
    main()
