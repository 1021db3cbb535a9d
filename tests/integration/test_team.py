"""One store for a team: a real PostgreSQL, and on it MLflow's real server with users and passwords."""

import csv
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
import yaml
from mlflow import MlflowClient

from benchmarks import pipeline
from benchmarks.team_server import DEPLOY, TeamServer
from stages.tracking.store import Store
from tests import calls

pytestmark = pytest.mark.slow

SEEDS = range(1, 9)
EPOCHS = 12
LOSSES = ("loss_d", "loss_g", "d_real", "d_fake")
NETWORKS = ("generator.safetensors", "discriminator.safetensors")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[TeamServer]:
    """The server, with two users who train and one who looks."""
    server = TeamServer(tmp_path_factory.mktemp("server"), durable=False)
    try:
        server.start()
        for user, command in (("ada", "write"), ("bob", "write"), ("eve", "read")):
            server.let(user, command)
        yield server
    finally:
        server.stop()


@pytest.fixture
def client(server, monkeypatch) -> MlflowClient:
    """What somebody sees who may look only."""
    for name, value in server.login("eve").items():
        monkeypatch.setenv(name, value)
    return MlflowClient(server.uri)


def stage(folder: Path, name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a stage in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{name}", *arguments],
        cwd=folder,
        env={**pipeline.environment(), "PYTHONPATH": str(pipeline.ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def train(folder: Path, seed: int, **environment: str) -> subprocess.Popen[str]:
    """Start a training."""
    return stage(folder, "train", "--experiment", "sine", "--seed", str(seed), **environment)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A folder with the data of a small experiment."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copyfile(calls.PARAMS, folder / "params.yaml")
    sizes = {"epochs": EPOCHS, "image_every": 4, "checkpoint_every": 4, "preview": 16}
    changes = {"data": {"points": 256}, "judge": {"epochs": 1}, "train": sizes, "sample": {"count": 300}}
    pipeline.change_params(folder, {"sine": changes}, device="cpu", threads=1)
    for name in ("prepare", "judge", "reference"):
        assert calls.call(folder, name).code == 0
    return folder


@pytest.fixture(scope="module")
def trained(server, prepared, tmp_path_factory) -> dict[int, Path]:
    """Eight trainings of two users, at once, each in a folder of its own, by seed; all that waits is sent.

    One of them is scored, and its pictures are drawn.
    """
    folders = {seed: tmp_path_factory.mktemp("clone") / "folder" for seed in SEEDS}
    for folder in folders.values():
        shutil.copytree(prepared, folder)
    logins = {seed: server.login(("ada", "bob")[seed % 2]) for seed in SEEDS}
    started = {seed: train(folder, seed, **logins[seed]) for seed, folder in folders.items()}
    for process in started.values():
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    for seed, folder in folders.items():
        if any((folder / ".outbox").glob("*/*/journal")):
            said, _ = (syncing := stage(folder, "tools.sync", **logins[seed])).communicate(timeout=300)
            assert syncing.returncode == 0, said
    for name in ("sample", "evaluate"):
        assert calls.call(folders[calls.SEED], name).code == 0
    run = ("--experiment", "sine", "--seed", str(calls.SEED))
    said, _ = (plotting := stage(folders[calls.SEED], "plot", *run, **logins[calls.SEED])).communicate()
    assert plotting.returncode == 0, said
    return folders


def test_of_eight_trainings_at_once_every_point_and_file_is_there(trained, client, tmp_path):
    experiment = client.get_experiment_by_name("sine")
    assert experiment.artifact_location.startswith("mlflow-artifacts:")
    runs = client.search_runs([experiment.experiment_id])
    assert sorted(run.info.run_name for run in runs) == [f"seed-{seed}" for seed in SEEDS]
    for run in runs:
        assert run.info.status == "FINISHED"
        folder = trained[int(run.data.tags["seed"])]
        made = {path.name: path for path in folder.rglob("seed-*/*")}
        with made["losses.csv"].open() as file:
            epochs = list(csv.DictReader(file))
        assert len(epochs) == EPOCHS
        for name in LOSSES:
            points = client.get_metric_history(run.info.run_id, name)
            assert [point.step for point in points] == list(range(1, EPOCHS + 1))
            expected = [float(epoch[name]) for epoch in epochs]
            assert [point.value for point in points] == pytest.approx(
                expected, rel=1e-5
            )  # as the file has them
            assert [point.timestamp for point in points] == sorted(point.timestamp for point in points)

        got = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
        assert {path.parent.name for path in got.glob("checkpoints/*/*")} == {
            "epoch-0004", "epoch-0008", "epoch-0012"
        }  # fmt: skip
        for name in NETWORKS:
            assert (got / "checkpoints" / "epoch-0012" / name).read_bytes() == made[name].read_bytes()
        pictures = {path.name for path in made.values() if path.suffix in (".gif", ".png")} - {"grid.png"}
        assert ("evolution.gif" in pictures) == (run.info.run_name == f"seed-{calls.SEED}")
        for name in pictures:
            assert (got / name).read_bytes() == made[name].read_bytes()
        steps = sorted(int(path.name.split("+")[2]) for path in got.glob("images/*.png"))
        assert steps == [0, 4, 8, 12]
        md5 = hashlib.md5(made["generator.safetensors"].read_bytes()).hexdigest()
        assert run.data.tags["dvc.generator"] == md5
        shutil.rmtree(got)


def test_the_page_that_compares_runs_gets_what_it_asks_for(trained, server):
    """By the requests that a browser makes for it; with a browser it was looked at by hand."""
    session = requests.Session()
    assert session.get(server.uri).status_code == 401
    session.auth = ("eve", server.passwords["eve"])

    def ask(place: str, **query: object) -> requests.Response:
        answer = session.get(f"{server.uri}/{place}", params=query)
        assert answer.status_code == 200, (place, answer.text)
        return answer

    searched = f"{server.uri}/ajax-api/2.0/mlflow/experiments/search"
    foreign = {"Origin": "https://elsewhere.example"}
    assert session.post(searched, json={"max_results": 1}, headers=foreign).status_code == 403
    assert session.get(server.uri, headers={"Host": "elsewhere.example"}).status_code == 403

    page = ask("").text
    assert '<div id="root"' in page
    scripts = re.findall(r'(?:src|href)="(?:\./)?(static-files/[^"]+\.(?:js|css))"', page)
    assert scripts
    for script in scripts:
        assert ask(script).content

    api = "ajax-api/2.0/mlflow"
    experiments = session.post(searched, json={"max_results": 100}).json()
    ids = [one["experiment_id"] for one in experiments["experiments"] if one["name"] == "sine"]
    found = session.post(f"{server.uri}/{api}/runs/search", json={"experiment_ids": ids}).json()["runs"]
    runs = [run["info"]["run_id"] for run in found]
    chosen = ", ".join(f"'{run}'" for run in runs)
    body = {
        "experiment_ids": ids,
        "filter": f"run_id IN ({chosen})",
        "run_view_type": "ALL",
        "max_results": 8,
    }
    compared = session.post(f"{server.uri}/{api}/runs/search", json=body).json()["runs"]
    assert len(compared) == len(SEEDS)
    for run in compared:
        assert set(LOSSES) <= {metric["key"] for metric in run["data"]["metrics"]}
        assert {"seed", "train.lr"} <= {param["key"] for param in run["data"]["params"]}

    for name in LOSSES:
        query = {"run_ids": runs, "metric_key": name, "max_results": 320}
        metrics = ask(f"{api}/metrics/get-history-bulk-interval", **query).json()["metrics"]
        points = sorted((metric["run_id"], metric["step"]) for metric in metrics)
        assert points == sorted((run, step) for run in runs for step in range(1, EPOCHS + 1))
    for run in runs:
        files = ask(f"{api}/artifacts/list", run_uuid=run, path="images").json()["files"]
        pictures = [file["path"] for file in files if file["path"].endswith(".webp")]
        assert len(pictures) == 4
        assert ask("get-artifact", path=pictures[0], run_uuid=run).content[8:12] == b"WEBP"


def test_a_wrong_login_is_reported_in_one_line_before_any_work(prepared, server):
    nobody = {"MLFLOW_TRACKING_USERNAME": ""}
    for login, words in ((nobody, "wants a login (401)"), (server.login("ada"), "refuses the login (401)")):
        wrong = {**login, "MLFLOW_TRACKING_URI": server.uri, "MLFLOW_TRACKING_PASSWORD": "not the one"}
        process = train(prepared, 1, **wrong)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert said.startswith(f"error: MLflow at {server.uri} {words}: set MLFLOW_TRACKING_USERNAME and ")
        assert said.count("\n") == 1
        assert "not the one" not in said
    assert not list(prepared.rglob("seed-1"))


def test_what_a_reader_logs_waits_until_they_may_write(trained, client, server, tmp_path, monkeypatch, capfd):
    server.let("joe", "read")
    for name, value in server.login("joe").items():
        monkeypatch.setenv(name, value)
    with (
        Store("", tmp_path / "box") as store,
        store.start("sine", "of joe", {}, {"lr": 1}) as run,
    ):
        for step in range(1, 31):
            run.log_metrics({"loss": step / 7}, step=step)
    said = capfd.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith(f"warning: MLflow at {server.uri} failed, what is logged waits: ")
    assert "403" in line
    assert "Permission denied" in line
    assert said.out.startswith("MLflow: 32 messages of 1 run wait in ")
    server.let("joe", "write")
    with Store("", tmp_path / "box", patient=True) as store:
        store.open()
    assert store.outbox.waiting() == (0, 0)
    experiment = client.get_experiment_by_name("sine")
    (run,) = client.search_runs([experiment.experiment_id], "attributes.run_name = 'of joe'")
    assert run.info.status == "FINISHED"
    points = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in points] == [(n, n / 7) for n in range(1, 31)]
    client.delete_run(run.info.run_id)  # a writer may: where a run came to be twice, the sender does


def test_users_are_the_admins_but_change_their_own_passwords(server):
    def users(login: str, *arguments: str, new: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, DEPLOY / "users.py", *arguments],
            env={**pipeline.environment(), **server.login(login)},
            input=f"{new}\n",
            capture_output=True,
            text=True,
        )

    for user in ("bob", "admin"):
        new = f"another one, of {user}"
        assert users(user, "password", user, new=new).returncode == 0
        server.passwords[user] = new
        experiments = f"{server.uri}/api/2.0/mlflow/experiments/search"
        assert requests.get(experiments, {"max_results": 1}, auth=(user, new)).status_code == 200
    for refused in (
        users("bob", "write", "mallory", new="a long password"),
        users("bob", "remove", "eve"),
        users("bob", "password", "eve", new="a long password"),
        users("admin", "read", "new", new="short"),
        users("admin", "remove", "nobody"),
    ):
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"{server.uri} answers 4")
        assert refused.stderr.count("\n") == 1


def test_no_password_is_on_a_command_line(server):
    known = {server.postgres.password, *server.passwords.values()}
    process = psutil.Process(server.process.pid)
    for each in (process, *process.children(recursive=True)):
        line = " ".join(each.cmdline())
        assert line
        assert not [password for password in known if password in line]


def test_the_compose_file_runs_what_is_tested_here(root):
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    pinned = dict(
        re.findall(r"^([a-z0-9-]+)==([^ ]+)", (root / "requirements.txt").read_text(), re.MULTILINE)
    )
    image = services["mlflow"]["build"]["dockerfile_inline"]
    installed = dict(re.findall(r"([a-z0-9-]+)(?:\[\w+\])?==([\w.]+)", image))
    assert installed.keys() == {"mlflow", "psycopg2-binary"}
    assert all(pinned[name] == version for name, version in installed.items())
    assert services["mlflow"]["command"][0] == "/deploy/serve.sh"
    for service in services.values():  # nobody from another machine but through the proxy
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
