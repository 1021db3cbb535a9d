"""Register a run's generator in MLflow's model registry.

Uses the store that MLFLOW_TRACKING_URI names, or the local one. Makes the run's generator the next version of
the registered model, and prints its address for mlflow.pyfunc.load_model and `mlflow models serve`. If the
generator has a version already, it keeps it. If the run was logged without a model, the generator is read
from data/EXPERIMENT/seed-SEED.
"""

import argparse
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stages.runtime import command, paths
from stages.runtime.errors import UserError, one_line, say, without_login
from stages.runtime.files import md5
from stages.tracking import address, database, mlflow_process, models, modules, relocation
from stages.tracking.tags import GENERATOR

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

_RUN = re.compile(r"(?P<experiment>[a-z0-9][a-z0-9_-]*)/seed-(?P<seed>[0-9]+)|(?P<id>[0-9a-f]{32})")


def register(run_name: re.Match[str], name: str | None, alias: str | None) -> None:
    """Register the generator of a run.

    Args:
        run_name: EXPERIMENT/seed-SEED, or the run's id in MLflow.
        name: name of the registered model; None: the experiment's.
        alias: an alias for the version, if any.

    Raises:
        UserError: there is no such run or generator, or the store fails.
    """
    uri = address.configured()
    address.check(uri)
    address.check_login(uri)
    for key, value in mlflow_process.SETTINGS.items():
        os.environ.setdefault(key, value)
    relocation.settle(uri)
    here, local = Path.cwd(), database.of(uri)
    place = local.enter() if local else uri
    from mlflow import MlflowClient

    with _errors_of(uri), _everywhere(place):
        client = MlflowClient(place)
        run = _run(client, run_name, address.public(uri), here)
        model = _model(client, run, here)
        version = models.register(client, model, name or model.name)
        if alias:
            client.set_registered_model_alias(version.name, alias, version.version)
    known_as = f"models:/{version.name}@{alias}" if alias else f"models:/{version.name}/{version.version}"
    say(f"registered: {model.name}, {run.info.run_name}, as version {version.version} of {version.name}")
    say(f'use: mlflow.pyfunc.load_model("{known_as}").predict({{"seed": [0, 1, 2]}})')


def _run(client: "MlflowClient", name: re.Match[str], place: str, here: Path) -> "Run":
    """Find the run.

    For an experiment and a seed, this is the newest run that made the generator file in ``data``, or if there
    is no file, the newest finished run of the seed.

    Args:
        client: the store's client.
        name: the user's name for the run.
        place: the store's address, for messages.
        here: the project's folder.

    Raises:
        UserError: the store has no such run.
    """
    from mlflow.exceptions import MlflowException

    if name["id"]:
        try:
            run = client.get_run(name["id"])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise UserError(f"{name[0]}: MLflow at {place} has no run of this id") from error
        if GENERATOR not in run.data.tags:
            raise UserError(f"{name[0]}: this run has left no generator; name the run of a finished training")
        return run
    file = paths.RunFiles(name["experiment"], int(name["seed"])).generator
    known = (here / file).exists()
    tag, value = (GENERATOR, md5(here / file)) if known else ("seed", str(int(name["seed"])))
    if experiment := client.get_experiment_by_name(name["experiment"]):
        runs = client.search_runs(
            [experiment.experiment_id],
            f"tags.`{tag}` = '{value}'",
            order_by=["attributes.start_time DESC"],
        )
        if finished := [run for run in runs if GENERATOR in run.data.tags]:
            return finished[0]
    which = f"the generator in {file}" if known else "this seed"
    raise UserError(
        f"{name[0]}: MLflow at {place} has no finished training of {which}; have params.yaml list it, and "
        "run `make repro`; or, if its messages still wait in .outbox, send them: `make sync`"
    )


def _model(client: "MlflowClient", run: "Run", here: Path) -> "LoggedModel":
    """The run's model; if it has none, make it from the generator's file in the project's folder ``here``.

    Raises:
        UserError: there is no such file, or it contains another generator.
    """
    if (model := models.find(client, run)) and model.status == "READY":
        return model
    experiment = client.get_experiment(run.info.experiment_id).name
    file = paths.RunFiles(experiment, int(run.data.tags["seed"])).generator
    if not (here / file).exists() or md5(here / file) != run.data.tags[GENERATOR]:
        raise UserError(
            f"{experiment}, {run.info.run_name}: the run was logged without a model, and {file} is not "
            f"its generator (MD5 sum {run.data.tags[GENERATOR]}); check out its commit, and: dvc pull {file}"
        )
    with TemporaryDirectory() as folder:
        return models.log(client, run.info.run_id, here / file, modules.pack(Path(folder)))


@contextmanager
def _everywhere(place: str) -> Iterator[None]:
    """Make all of MLflow use this store within the block: the client alone is not enough to find models."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = place
    try:
        yield
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


@contextmanager
def _errors_of(uri: str) -> Iterator[None]:
    """Report a failure of the store within the block in one line."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = one_line(without_login(str(error), uri))[:300]
        raise UserError(f"MLflow at {address.public(uri)} failed: {reason}") from error


def _arguments() -> argparse.Namespace:
    parser = command.plain_parser(__doc__)
    parser.add_argument(
        "run", metavar="RUN", help="EXPERIMENT/seed-SEED, such as mnist/seed-1; or a run's id"
    )
    parser.add_argument("--name", help="the registered model's name; default: the experiment's")
    parser.add_argument(
        "--alias", help="an alias for this version, such as champion; another version loses it"
    )
    arguments = parser.parse_args()
    arguments.run = _RUN.fullmatch(arguments.run)
    if not arguments.run:
        parser.error("argument RUN: must be like mnist/seed-1, or a run's id, 32 of 0-9 and a-f")
    if arguments.name is not None and not re.fullmatch(r"[\w.-]+", arguments.name):
        parser.error("argument --name: must be made of letters, digits, _, . and -")
    if arguments.alias is not None and not re.fullmatch(r"(?i)(?!(latest|v\d+)$)[\w-]+", arguments.alias):
        parser.error(
            "argument --alias: must be made of letters, digits, _ and -, and not be latest, v1, v2, …"
        )
    return arguments


if __name__ == "__main__":
    asked = _arguments()
    command.guard(lambda: register(asked.run, asked.name, asked.alias))
