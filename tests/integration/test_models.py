import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient, pyfunc
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from stages.gan.core import weights
from stages.gan.core.conditional import Conditional
from stages.gan.core.randomness import generator as random_generator
from stages.gan.networks.base.registry import get_generator
from stages.gan.networks.base.sampling import Sampler
from stages.gan.networks.mlp import MlpGenerator
from stages.runtime.errors import UserError
from stages.runtime.files import md5
from stages.tracking import models, modules


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a store in it; making one takes seconds, so the tests share it."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def client(folder, monkeypatch) -> MlflowClient:
    monkeypatch.chdir(folder)
    uri = f"sqlite:///{folder}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return MlflowClient(uri)


@pytest.fixture
def run(client) -> Run:
    """A run that has just begun."""
    found = client.get_experiment_by_name("sine")
    experiment = found.experiment_id if found else client.create_experiment("sine")
    run = client.create_run(experiment, run_name="seed-7")
    client.log_param(run.info.run_id, "threads", 2)
    client.log_param(run.info.run_id, "train.epochs", 300)
    return client.get_run(run.info.run_id)


def log(client: MlflowClient, run: Run, generator: Path):
    return models.log(client, run.info.run_id, generator, modules.pack(generator.parent))


def test_a_model_says_what_it_takes_and_gives_and_where_it_is_from(client, run, generator_file):
    made = log(client, run, generator_file)
    assert (made.name, made.source_run_id) == ("sine", run.info.run_id)
    assert made.tags == {"dvc.generator": md5(generator_file), "seed": "7"}
    assert made.params["train.epochs"] == "300"
    loaded = pyfunc.load_model(f"models:/{made.model_id}")
    assert [(i["name"], i["required"]) for i in loaded.metadata.signature.inputs.to_dict()] == [
        ("seed", False), ("latent", False)
    ]  # fmt: skip
    (output,) = loaded.metadata.signature.outputs
    assert (output.type, output.shape) == (np.float32, (-1, 2))
    assert loaded.predict(loaded.input_example).shape == (3, 2)
    assert loaded.model_config == {"device": "cpu", "threads": 2}
    wanted = Path(pyfunc.get_model_dependencies(f"models:/{made.model_id}")).read_text().splitlines()
    assert f"torch=={torch.__version__.partition('+')[0]}" in wanted


def test_a_model_needs_nothing_of_the_project(client, run, generator_file, tmp_path):
    made = log(client, run, generator_file)
    program = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("stages", "torchvision", "torch_fidelity", "dvc"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
import mlflow, numpy
numpy.save("drawn.npy", mlflow.pyfunc.load_model(sys.argv[1]).predict({"seed": [1001, 2]}))
"""
    subprocess.run(
        [sys.executable, "-c", program, f"models:/{made.model_id}"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        check=True,
    )
    generator, _ = weights.load(generator_file, get_generator, torch.device("cpu"))
    expected = Sampler(generator, 7).numbered([1001, 2]).numpy()
    np.testing.assert_array_equal(np.load(tmp_path / "drawn.npy"), expected)


def test_a_model_that_is_told_the_class_takes_it_from_mlflow(client, run, tmp_path):
    path, counts = tmp_path / "generator.safetensors", [30, 0, 10]
    told = Conditional(
        MlpGenerator(2 + len(counts), [4], (1, 4, 4), random_generator(7, "generator")), counts
    )
    weights.save(path, told, {"experiment": "sine", "seed": 7, "device": "cpu"})
    made = log(client, run, path)
    loaded = pyfunc.load_model(f"models:/{made.model_id}")
    assert [(i["name"], i["required"]) for i in loaded.metadata.signature.inputs.to_dict()] == [
        ("seed", False), ("latent", False), ("class", False)
    ]  # fmt: skip
    assert loaded.metadata.metadata["architecture"]["counts"] == counts
    np.testing.assert_array_equal(
        loaded.predict(loaded.input_example), Sampler(told, 7).numbered([0, 1, 2]).numpy()
    )
    for data in ({"seed": [5, 0], "class": [2, 0]}, [{"seed": 5, "class": 2}, {"seed": 0, "class": 0}]):
        drawn = loaded.predict(data)
        np.testing.assert_array_equal(drawn, Sampler(told, 7).numbered([5, 0], [2, 0]).numpy())
    points = {"latent": [[0.5, -1.0]] * 2, "class": [0, 2]}
    assert (loaded.predict(points)[0] != loaded.predict(points)[1]).any()
    with pytest.raises(MlflowException, match="class: 1 is not one of 0, 2"):
        loaded.predict({"seed": [0], "class": [1]})
    with pytest.raises(MlflowException, match="class"):
        loaded.predict({"seed": [0], "class": ["a"]})


@pytest.mark.parametrize("data", [{"seed": np.arange(3)}, {"latent": np.zeros((3, 2))}, [{"seed": 1}] * 3])
def test_columns_may_come_in_a_dictionary_or_by_rows(client, run, generator_file, data):
    made = log(client, run, generator_file)
    assert pyfunc.load_model(f"models:/{made.model_id}").predict(data).shape == (3, 2)


@pytest.mark.parametrize("step", ["log_model_artifacts", "log_outputs", "finalize_logged_model"])
def test_what_is_cut_short_is_gone_on_with(client, run, generator_file, monkeypatch, step):
    class DiedError(Exception): ...

    def die(*_: object) -> None:
        raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, die)
        with pytest.raises(DiedError):
            log(client, run, generator_file)
    assert models.find(client, run).status == "PENDING"
    made = [log(client, run, generator_file) for _ in range(2)]
    assert made[0].model_id == made[1].model_id
    assert models.find(client, run).status == "READY"
    again = client.get_run(run.info.run_id)
    assert [output.model_id for output in again.outputs.model_outputs] == [made[0].model_id]
    assert pyfunc.load_model(made[0].model_uri).predict({"seed": [0]}).shape == (1, 2)


def test_a_duplicate_that_a_stalled_server_made_is_removed(client, run, generator_file):
    made = log(client, run, generator_file)
    client.create_logged_model(run.info.experiment_id, "sine", run.info.run_id)
    assert log(client, run, generator_file).model_id == made.model_id
    query = f"source_run_id = '{run.info.run_id}'"
    assert [model.model_id for model in client.search_logged_models([run.info.experiment_id], query)] == [
        made.model_id
    ]


def test_a_damaged_generator_is_none(client, run, generator_file):
    generator_file.write_bytes(generator_file.read_bytes()[:20])
    with pytest.raises(UserError, match="damaged"):
        log(client, run, generator_file)
    assert models.find(client, run) is None


def test_a_generator_has_one_version_under_a_name(client, run, generator_file):
    made = log(client, run, generator_file)
    version = models.register(client, made, "first")
    assert version.version == models.register(client, made, "first").version
    assert version.tags["dvc.generator"] == md5(generator_file)
    assert run.info.run_id in version.description
    assert models.register(client, made, "second").name == "second"

    other = client.create_run(run.info.experiment_id, run_name="seed-8")
    generator, _ = weights.load(generator_file, get_generator, torch.device("cpu"))
    weights.save(generator_file, generator, {"experiment": "sine", "seed": 8, "device": "cpu"})
    newer = models.register(client, log(client, other, generator_file), "first")
    assert int(newer.version) == int(version.version) + 1
    assert newer.run_id == other.info.run_id
