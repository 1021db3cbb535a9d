"""What tasks share on the machine where they are computed: a cache, checkpoints of trainings, an outbox."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from configobj import ConfigObj
from dvc.repo import Repo

from stages.runtime import git, paths
from stages.runtime.errors import UserError
from stages.tracking import address

SCRATCH = "{scratch}"  # stands for the scratch folder, which is another on each machine
_FORWARDED = ("MLFLOW_", "GAN_")  # variables that tasks get as they are here


@dataclass(frozen=True)
class Site:
    """Where tasks work, and find what they share.

    Attributes:
        place: folder of the project in a clone.
        scratch: folder for the clones; ``~`` is the home on that machine.
        config: text of the clones' .dvc/config.local.
        shared: folder of the checkpoints of trainings, the outbox, and downloads.
        remote: whether what tasks leave goes to the DVC remote.
        environment: variables to set.
    """

    place: str
    scratch: str
    config: str
    shared: str
    remote: bool
    environment: Mapping[str, str]


def here(repo: Repo) -> Site:
    """On this machine, where tasks share what is here; no remote is needed."""
    scratch = Path(".dvc/tmp/sweep").absolute()
    config = {"cache": {"dir": repo.cache.legacy.path}}
    environment = _environment()
    kind, found, path = environment.get("MLFLOW_TRACKING_URI", paths.STORE).partition(":///")
    if found and kind.startswith("sqlite"):
        environment["MLFLOW_TRACKING_URI"] = f"{kind}:///{Path(path).absolute()}"
    return Site(git.place(), str(scratch), _text(config), str(Path.cwd()), False, environment)


def elsewhere(repo: Repo, scratch: str) -> Site:
    """On the machines of a cluster: each has what its tasks share in its scratch folder.

    Raises:
        UserError: there is no DVC remote, or no MLflow store, that all machines can reach.
    """
    name = repo.config["core"].get("remote")
    if name not in repo.config["remote"]:
        raise UserError(
            "a cluster hands on results by a DVC remote that all machines reach, and there is none: "
            "dvc remote add --default NAME URL"
        )
    environment = _environment()
    if not address.is_server(environment.get("MLFLOW_TRACKING_URI", "")):
        raise UserError("a cluster logs to an MLflow server that all machines reach: set MLFLOW_TRACKING_URI")
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
