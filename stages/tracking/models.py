"""Generators as models in MLflow: one logged model for each run, one registered version for each generator.

A call may be repeated, as its answer may be lost. So a model is searched for before it is made.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.runtime.errors import UserError
from stages.runtime.files import md5
from stages.tracking import modules
from stages.tracking.tags import GENERATOR

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

_LOADER = "tracking.pyfunc"  # the module that draws samples for MLflow
_PACKAGES = ("numpy", "pydantic", "pyyaml", "safetensors", "torch")  # used by it and by what it imports
_EXAMPLE = {"seed": [0, 1, 2]}


def log(client: "MlflowClient", run_id: str, generator: Path, code: Path) -> "LoggedModel":
    """Log a run's generator as a model, if the run has none yet.

    The model has the experiment's name, and tags that identify the generator's file. By default it draws on
    the CPU, with as many threads as the run had.

    Args:
        client: the store's client.
        run_id: the run's id in MLflow.
        generator: the generator's file.
        code: the archive of the code that draws samples, see :func:`modules.pack`.

    Raises:
        UserError: the file is damaged, or the store does not support models of runs.
        MlflowException: an error of MLflow's.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    about = _about(generator)
    run = client.get_run(run_id)
    tags = {GENERATOR: md5(generator), "seed": str(about["seed"])}
    if (model := find(client, run)) is None:
        model = client.create_logged_model(
            run.info.experiment_id, about["experiment"], run_id, tags, run.data.params, "generator"
        )
    if model.status != LoggedModelStatus.READY:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name, "model")
            _write(folder, model, generator, code, about, int(run.data.params.get("threads", 1)))
            client.log_model_artifacts(model.model_id, str(folder))
        outputs = run.outputs.model_outputs if run.outputs else []
        if model.model_id not in [output.model_id for output in outputs]:
            step = int(run.data.params.get("train.epochs", 0))
            client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step)])
        model = client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    for duplicate in _of_run(client, run):
        if duplicate.model_id != model.model_id:  # made by a server that did not answer in time
            client.delete_logged_model(duplicate.model_id)
    return model


def find(client: "MlflowClient", run: "Run") -> "LoggedModel | None":
    """A run's model, a complete one if there is any; None if the run has no model."""
    from mlflow.entities import LoggedModelStatus

    found = sorted(_of_run(client, run), key=lambda model: model.status != LoggedModelStatus.READY)
    return found[0] if found else None


def register(client: "MlflowClient", model: "LoggedModel", name: str) -> "ModelVersion":
    """A generator's version of a registered model; a new one if it has none.

    Args:
        client: the store's client.
        model: the generator's model, from :func:`log`.
        name: the registered model's name.

    Raises:
        MlflowException: an error of MLflow's.
    """
    from mlflow.exceptions import MlflowException

    digest, run = model.tags[GENERATOR], client.get_run(model.source_run_id)
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for known in client.search_model_versions(f"name = '{name}'"):
        if known.tags.get(GENERATOR) == digest:
            return known
    return client.create_model_version(
        name,
        f"models:/{model.model_id}",
        model.source_run_id,
        tags={**model.tags, "experiment": model.name},
        description=f"The generator of {model.name}, {run.info.run_name} (run {run.info.run_id}), "
        f"whose file has the MD5 sum {digest}: its name in dvc.lock.",
        model_id=model.model_id,
    )


def _of_run(client: "MlflowClient", run: "Run") -> "list[LoggedModel]":
    from mlflow.exceptions import MlflowException

    query = f"source_run_id = '{run.info.run_id}'"
    try:
        return list(client.search_logged_models([run.info.experiment_id], query))
    except (MlflowException, NotImplementedError) as error:
        if isinstance(error, MlflowException) and error.get_http_status_code() != 404:
            raise
        raise UserError(
            "this store has no models of runs; they need a server of MLflow 3 or later"
        ) from error


def _about(generator: Path) -> dict[str, Any]:
    """The JSON values about a generator in its file, read without PyTorch, which takes seconds to import.

    Raises:
        UserError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(generator, framework="numpy") as file:
            about: dict[str, Any] = json.loads(file.metadata()["about"])
        return {key: about[key] for key in ("experiment", "seed", "architecture")}
    except (OSError, SafetensorError, ValueError, LookupError, TypeError) as error:
        raise UserError(f"{generator} is damaged") from error


def _write(
    folder: Path,
    model: "LoggedModel",
    generator: Path,
    code: Path,
    about: Mapping[str, Any],
    threads: int,
) -> None:
    """Write a model in MLflow's format, without importing or running its code."""
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.models import Model

    # Named after its content, so that the project and models with other code can be loaded beside it.
    package = folder.parent / f"gan_{hashlib.sha256(code.read_bytes()).hexdigest()[:12]}"
    modules.unpack(code, package)
    pyfunc.save_model(
        folder,
        loader_module=f"{package.name}.{_LOADER}",
        data_path=str(generator),
        code_paths=[str(package)],
        mlflow_model=Model(
            artifact_path=model.artifact_location,
            run_id=model.source_run_id,
            model_uuid=model.model_id,
            model_id=model.model_id,
            metadata={**model.tags, "experiment": model.name, "architecture": about["architecture"]},
        ),
        signature=_signature(about["architecture"]),
        input_example=pd.DataFrame(_EXAMPLE),
        model_config={"device": "cpu", "threads": threads},
        pip_requirements=[f"{name}=={version(name).partition('+')[0]}" for name in ("mlflow", *_PACKAGES)],
    )


def _signature(architecture: Mapping[str, Any]) -> "ModelSignature":
    """The model's signature: seeds or latent points in, and classes if conditional; samples of its shape out.

    Latent points may be any lists for MLflow: with an array type, it would refuse points of whole numbers and
    a dictionary of columns. The model itself checks them.
    """
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema, TensorSpec

    inputs = [
        ColSpec(DataType.long, "seed", required=False),
        ColSpec(AnyType(), "latent", required=False),
    ]
    if architecture.get("counts"):
        inputs.append(ColSpec(DataType.long, "class", required=False))
    shape: Sequence[int] = architecture["shape"]
    kind = np.dtype(np.uint8 if len(shape) == 3 else np.float32)
    return ModelSignature(Schema(inputs), Schema([TensorSpec(kind, (-1, *shape))]))
