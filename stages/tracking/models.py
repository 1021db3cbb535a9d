"""Generators as models in MLflow: one of each run, and one version in the registry of each generator.

Whatever is sent may be sent again, as an answer may be lost: so a model is looked for before it is made.
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
_PACKAGES = ("numpy", "pydantic", "pyyaml", "safetensors", "torch")  # what it and those that it imports use
_EXAMPLE = {"seed": [0, 1, 2]}


def log(client: "MlflowClient", run_id: str, generator: Path, code: Path) -> "LoggedModel":
    """Log a run's generator as a model, if the run has none yet.

    It has the experiment's name, and tags that lead to the generator's file; it draws by default on the CPU,
    with as many threads as the run had.

    Args:
        client: of the store.
        run_id: MLflow's name for the run.
        generator: the generator's file.
        code: the archive of the code that draws samples, see :func:`modules.pack`.

    Raises:
        UserError: the file is damaged, or the store keeps no models.
        MlflowException: what MLflow raises.
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
        if duplicate.model_id != model.model_id:  # a server that stood still made it when it was given up
            client.delete_logged_model(duplicate.model_id)
    return model


def find(client: "MlflowClient", run: "Run") -> "LoggedModel | None":
    """A run's model, one that is whole before one that is not; None where the run has none."""
    from mlflow.entities import LoggedModelStatus

    found = sorted(_of_run(client, run), key=lambda model: model.status != LoggedModelStatus.READY)
    return found[0] if found else None


def register(client: "MlflowClient", model: "LoggedModel", name: str) -> "ModelVersion":
    """The version of a registered model that a generator has; a new one if it has none.

    Args:
        client: of the store.
        model: the generator, as :func:`log` has logged it.
        name: the registered model's name.

    Raises:
        MlflowException: what MLflow raises.
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
        raise UserError("this store keeps no models of runs, as MLflow does from version 3 on") from error


def _about(generator: Path) -> dict[str, Any]:
    """What is known of a generator; without PyTorch, which takes seconds to import."""
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
    """Write a model as MLflow keeps it; nothing is imported or run for that."""
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.models import Model

    # Named after its content: the project itself, and models with other code, can be loaded beside it.
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
    """Seeds or latent points in, and classes where the generator is told them; samples of its shape out.

    Any list may be a latent point as far as MLflow is asked: where it knows of arrays, it refuses points with
    whole numbers, and a dictionary of columns. The model itself checks them.
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
