"""From a training to images over HTTP: its model in MLflow, registered, loaded, and served."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import requests
from mlflow import MlflowClient, pyfunc
from mlflow.entities import Run

from benchmarks import pipeline
from stages.runtime.files import md5
from tests import calls
from tests.calls import assert_refused

LATENT = {"sine": 2, "digits": 32}


@pytest.fixture(scope="module")
def logged(finished, tmp_path_factory) -> Path:
    """A folder with a store: sine's run was logged by its training, that of digits made from its files."""
    folder = tmp_path_factory.mktemp("logged") / "folder"
    shutil.copytree(finished, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        for stage, experiment in (("train", "sine"), ("evaluate", "digits")):
            ended = calls.call(folder, stage, experiment=experiment, tracked=True)
            assert (ended.code, ended.err) == (0, "")
            assert "wait" not in ended.out
    return folder


@pytest.fixture
def client(logged, monkeypatch) -> MlflowClient:
    uri = f"sqlite:///{logged}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr("stages.tracking.mlflow_process.SETTINGS", {})  # they are for a process of its own
    return MlflowClient(uri)


@pytest.fixture
def register(client, logged) -> Callable[..., calls.Ended]:
    def call(*arguments: str) -> calls.Ended:
        return calls.call(logged, "tools.register", *arguments)

    return call


def newest(client: MlflowClient, experiment: str) -> Run:
    found = client.get_experiment_by_name(experiment).experiment_id
    return client.search_runs([found], "attributes.run_name = 'seed-7'")[0]


@pytest.mark.parametrize("experiment", ["sine", "digits"])
def test_a_registered_generator_draws_the_samples_of_its_run(register, client, logged, experiment):
    ended = register(f"{experiment}/seed-7")
    assert (ended.code, ended.err) == (0, "")
    (address,) = re.findall(r'load_model\("(.+?)"\)', ended.out)
    assert address == f"models:/{experiment}/1"
    assert register(f"{experiment}/seed-7").out == ended.out  # no second version
    assert register(newest(client, experiment).info.run_id).out == ended.out

    model = pyfunc.load_model(address)
    samples = np.load(logged / "data" / experiment / "seed-7" / "samples.npy")
    drawn = model.predict({"seed": [0, 199, 42]})
    assert drawn.dtype == samples.dtype
    np.testing.assert_array_equal(drawn, samples[[0, 199, 42]])
    (output,) = model.metadata.signature.outputs
    assert (output.type, output.shape) == (samples.dtype, (-1, *samples.shape[1:]))
    points = np.random.default_rng(1).standard_normal((5, LATENT[experiment]))
    assert model.predict({"latent": points}).shape == (5, *samples.shape[1:])

    version = client.get_model_version(experiment, "1")
    assert version.tags["dvc.generator"] == md5(
        logged / "data" / experiment / "seed-7" / "generator.safetensors"
    )
    assert version.run_id == newest(client, experiment).info.run_id


def test_the_server_of_a_registered_generator_answers(register, client, logged):
    """By the commands as the docs have them, with the store that is there by default."""
    assert register("digits/seed-7", "--alias", "champion").code == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["mlflow", "models", "serve", "--model-uri", "models:/digits@champion"]
    log = logged / "serve.log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, "--env-manager", "local", "--port", str(port)],
            cwd=logged,
            env=pipeline.environment(),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )

    def ask(**body: object) -> requests.Response:
        return requests.post(f"http://127.0.0.1:{port}/invocations", json=body, timeout=60)

    try:
        end = time.monotonic() + 180
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/ping", timeout=60).raise_for_status()
                break
            except requests.RequestException:
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.1)
        samples = np.load(logged / "data" / "digits" / "seed-7" / "samples.npy")
        for body in (
            {"inputs": {"seed": [3, 1]}},
            {"dataframe_records": [{"seed": 3}, {"seed": 1}]},
            {"dataframe_split": {"columns": ["seed"], "data": [[3], [1]]}},
        ):
            answer = ask(**body)
            assert answer.status_code == 200, answer.text
            np.testing.assert_array_equal(answer.json()["predictions"], samples[[3, 1]])
        points = np.random.default_rng(1).standard_normal((2, LATENT["digits"]))
        answer = ask(inputs={"latent": points.tolist()})
        expected = pyfunc.load_model("models:/digits@champion").predict({"latent": points})
        np.testing.assert_array_equal(answer.json()["predictions"], expected)
        for body, words in (
            ({"inputs": {"seed": [-1]}}, "-1 is below 0"),
            ({"inputs": {"latent": [[0, 1]]}}, "32 numbers in a row are wanted, not 2"),
            ({"inputs": {"nothing": [1]}}, "the data must have a column seed or a column latent"),
        ):
            answer = ask(**body)
            assert answer.status_code == 400
            assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
            assert words in answer.json()["message"]
            assert "Traceback" not in answer.text
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


@pytest.fixture
def without_model(client) -> str:
    """The run of sine, logged before there were models."""
    run = newest(client, "sine")
    query = f"source_run_id = '{run.info.run_id}'"
    for model in client.search_logged_models([run.info.experiment_id], query):
        client.delete_logged_model(model.model_id)
    return run.info.run_id


def test_a_run_without_a_model_gets_one_of_the_file(register, without_model, logged):
    file = logged / "data" / "sine" / "seed-7" / "generator.safetensors"
    aside = file.rename(file.with_suffix(".aside"))
    assert_refused(register(without_model), "without a model", f"dvc pull {file.relative_to(logged)}")
    aside.rename(file)
    ended = register(without_model, "--name", "late")
    assert "as version 1 of late" in ended.out
    assert pyfunc.load_model("models:/late/1").predict({"seed": [0]}).shape == (1, 2)


def test_a_run_is_found_by_its_seed_where_the_file_is_not_there(register, logged):
    folder = logged / "data" / "digits" / "seed-7"
    aside = folder.rename(folder.with_name("aside"))
    try:
        assert (
            "digits, seed-7, as version 1 of elsewhere"
            in register("digits/seed-7", "--name", "elsewhere").out
        )
    finally:
        aside.rename(folder)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mnist",), ["RUN", "mnist/seed-1"]),
        (("sine/seed--1",), ["RUN"]),
        (("sine/seed-8",), ["sine/seed-8", "no finished training of this seed", "make sync"]),
        (("none/seed-7",), ["none/seed-7", "no finished training"]),
        (("0" * 32,), ["no run of this id"]),
        (("sine/seed-7", "--name", "it's"), ["--name"]),
        (("sine/seed-7", "--alias", "latest"), ["--alias"]),
    ],
)
def test_mistakes_are_reported(register, client, arguments, words):
    before = [(v.name, v.version) for v in client.search_model_versions()]
    assert_refused(register(*arguments), *words)
    assert [(v.name, v.version) for v in client.search_model_versions()] == before


def test_a_run_that_is_no_trainings_has_no_generator(register, client):
    judge = client.create_run(client.get_experiment_by_name("sine").experiment_id, run_name="judge")
    assert_refused(register(judge.info.run_id), "left no generator")


def test_a_store_that_fails_is_reported(register, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:s3cret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ended = register("sine/seed-7")
    assert_refused(ended, "http://127.0.0.1:9 failed")
    assert "s3cret" not in ended.err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "localhost:5000")
    assert_refused(register("sine/seed-7"), "MLFLOW_TRACKING_URI")
