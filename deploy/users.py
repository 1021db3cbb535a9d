"""Manage the users of the team's MLflow server: who can only read, and who can train.

MLFLOW_TRACKING_URI names the server. MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD are the login of
the admin, or of a user who changes their own password. The program asks for new passwords, or reads them from
standard input.
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
WORKSPACE = "default"  # the only workspace of a server without workspaces
WRITERS = "writers"  # the role of users who train
# MANAGE includes deleting: if an answer is lost, the sender may create a run twice, and then deletes one.
MAY = {"experiment": "EDIT", "run": "MANAGE"}


def main() -> None:
    """Run the command on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "read": "let a user only read; creates the user if needed",
        "write": "let a user train; creates the user if needed",
        "password": "change a user's password",
        "remove": "remove a user; their runs stay",
    }.items():
        commands.add_parser(name, help=text).add_argument("user")
    arguments = parser.parse_args()
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if uri and not uri.startswith(("http://", "https://")):
        sys.exit("MLFLOW_TRACKING_URI: must be a server's address: https://…")
    if "@" in uri:
        sys.exit("MLFLOW_TRACKING_URI: remove the login from it; set MLFLOW_TRACKING_USERNAME and …_PASSWORD")
    if missing := [variable for variable in VARIABLES if not os.environ.get(variable)]:
        sys.exit(f"set {' and '.join(missing)}")
    do(arguments.command, arguments.user)


def do(command: str, user: str) -> None:
    """Run a command for a user."""
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
    """Return the ID of the role of users who train; create the role if needed."""
    for role in call("GET", "3.0/mlflow/roles/list", workspace=WORKSPACE)["roles"]:
        if role["name"] == WRITERS:
            return int(role["id"])
    role = call("POST", "3.0/mlflow/roles/create", workspace=WORKSPACE, name=WRITERS)["role"]
    for kind, permission in MAY.items():
        grant = {"resource_type": kind, "resource_pattern": "*", "permission": permission}
        call("POST", "3.0/mlflow/roles/permissions/add", role_id=role["id"], **grant)
    return int(role["id"])


def new_password() -> str:
    """Read a new password from the terminal, or from the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("new password: ")
    if getpass.getpass("again: ") != first:
        sys.exit("the two passwords differ; nothing is changed")
    return first


def call(method: str, path: str, **fields: object) -> dict[str, Any]:
    """Send a request to the server and return its answer; exit with the server's message if it refuses."""
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
