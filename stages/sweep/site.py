"""What tasks share on the machine that computes them: a cache, checkpoints of trainings, an outbox."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from configobj import ConfigObj
from dvc.repo import Repo

from stages.runtime import git, paths
from stages.runtime.errors import UserError
from stages.tracking import address

SCRATCH = "{scratch}"  # placeholder for the scratch folder, which differs from machine to machine
_FORWARDED = ("MLFLOW_", "GAN_")  # prefixes of the environment variables that tasks get, too


@dataclass(frozen=True)
class Site:
    """Where tasks work, and where they find what they share.

    Attributes:
        place: path of the project within a clone.
        scratch: folder for the clones; ``~`` is the home folder on the task's machine.
        config: text of .dvc/config.local in each clone.
        shared: folder with the checkpoints of trainings, the outbox, and downloads.
        remote: whether the results of tasks are pushed to the DVC remote.
        environment: environment variables to set.
    """

    place: str
    scratch: str
    config: str
    shared: str
    remote: bool
    environment: Mapping[str, str]


def here(repo: Repo) -> Site:
    """The site of tasks on this machine: they share what is in this folder, and need no remote."""
    scratch = Path(".dvc/tmp/sweep").absolute()
    config = {"cache": {"dir": repo.cache.legacy.path}}
    environment = _environment()
    kind, found, path = environment.get("MLFLOW_TRACKING_URI", paths.STORE).partition(":///")
    if found and kind.startswith("sqlite"):
        environment["MLFLOW_TRACKING_URI"] = f"{kind}:///{Path(path).absolute()}"
    return Site(git.place(), str(scratch), _text(config), str(Path.cwd()), False, environment)


def elsewhere(repo: Repo, scratch: str) -> Site:
    """The site of tasks on a cluster: each machine keeps what its tasks share in its scratch folder.

    Raises:
        UserError: there is no DVC remote, or no MLflow server.
    """
    name = repo.config["core"].get("remote")
    if name not in repo.config["remote"]:
        raise UserError(
            "a cluster passes results on by a DVC remote that all machines can reach, and there is none: "
            "dvc remote add --default NAME URL"
        )
    environment = _environment()
    if not address.is_server(environment.get("MLFLOW_TRACKING_URI", "")):
        raise UserError(
            "a cluster logs to an MLflow server that all machines can reach: set MLFLOW_TRACKING_URI"
        )
    remote = {key: str(value) for key, value in repo.config["remote"][name].items()}
    config = {
        "core": {"remote": name},
        "cache": {"dir": f"{SCRATCH}/cache"},
        f'remote "{name}"': remote,
    }
    return Site(git.place(), scratch, _text(config), SCRATCH, True, environment)


def _environment() -> dict[str, str]:
    found = {key: value for key, value in os.environ.items() if key.startswith(_FORWARDED)}
    mirror = found.get("GAN_MIRROR")
    if mirror and "://" not in mirror:
        found["GAN_MIRROR"] = str(Path(mirror).expanduser().absolute())
    return found


def _text(config: dict[str, dict[str, str]]) -> str:
    return "\n".join(ConfigObj(config).write()) + "\n"
