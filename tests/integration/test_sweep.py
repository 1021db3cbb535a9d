"""Sweeps, with the real DVC and Ray: of a pipeline whose stages do next to nothing, and of the real one."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from ray.cluster_utils import Cluster

from benchmarks import pipeline
from benchmarks.pipeline import commit
from benchmarks.sweep import make, start, worker_above

pytestmark = pytest.mark.slow

SETTINGS = {"RAY_AUTH_MODE": "disabled"}  # as it is in this process, which starts clusters


def run(folder: Path, *command: str | Path, code: int = 0, **environment: str) -> str:
    """Run a command to its end; returns what it says."""
    everything = {**pipeline.environment(), **SETTINGS, **environment}
    done = subprocess.run(
        command, cwd=folder, env=everything, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def sweep(folder: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    return run(folder, sys.executable, "-m", "stages.sweep", *arguments, code=code, **environment)


def until(found: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for something that comes to be, at the latest while a process runs."""
    end = time.monotonic() + 120
    while not found():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it does not come to that"
        time.sleep(0.05)


def waiting(mark: Path, process: subprocess.Popen[str]) -> psutil.Process:
    """The stage that waits to be killed, once the sweep has come so far."""
    until((mark / "process").exists, process)
    return psutil.Process(int((mark / "process").read_text()))


def test_a_lost_worker_changes_nothing_of_what_dvc_repro_leaves(tmp_path):
    lists = {"experiments": ["sine", "digits"], "seeds": [1, 2]}
    here, mark = make(tmp_path / "here", **lists), tmp_path / "mark"
    process = start(here, "--workers", "2", MARK=str(mark), WAITS="digits-2", **SETTINGS)
    shell = waiting(mark, process)
    worker_above(shell).kill()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "train@digits-2: its worker was lost, or it was killed; it is tried again" in said
    assert "evaluate 4/4" in said
    until(lambda: not shell.is_running())
    assert list((here / ".dvc" / "tmp" / "sweep" / "clones").glob("*/*")) == []

    plain = make(tmp_path / "plain", **lists)
    run(plain, "dvc", "repro")
    for name in ("dvc.lock", "reports/README.md", "reports/runs/digits-2", "data/digits/seed-2/network"):
        assert (here / name).read_bytes() == (plain / name).read_bytes()
    assert "didn't change, skipping" in (said := run(here, "dvc", "repro"))
    assert "Running" not in said

    # Once more: there is nothing to compute, so nothing starts.
    assert "10 stages, 0 of them to compute" in sweep(here)
    # Without dvc.lock and outputs: all is in the run cache.
    run(here, "git", "clean", "--quiet", "-d", "--force", "-x", "data", "reports", "dvc.lock")
    assert "10 stages, 0 of them to compute" in sweep(here)
    assert (here / "dvc.lock").read_bytes() == (plain / "dvc.lock").read_bytes()


def test_what_changes_is_computed_and_what_changes_back_is_known(tmp_path):
    here = make(tmp_path / "here", experiments=["sine"], seeds=[1])
    network, code = here / "data/sine/seed-1/network", (here / "work.sh").read_text()
    before = run(here, "dvc", "repro") and network.read_text()
    (here / "work.sh").write_text(code.replace('echo "$1 $4"', 'echo "$1 $4 anew"'))
    commit(here)
    assert "3 stages, 3 of them to compute" in sweep(here)
    anew = before.replace("prepare sine", "prepare sine anew").replace("sine-1", "sine-1 anew")
    assert network.read_text() == anew
    assert "didn't change, skipping" in (said := run(here, "dvc", "repro"))
    assert "Running" not in said
    (here / "work.sh").write_text(code)
    commit(here)
    sweep(here)
    assert network.read_text() == before
    assert "Running" not in run(here, "dvc", "repro")


def test_a_stage_that_fails_stops_what_depends_on_it_and_nothing_else(tmp_path):
    here = make(tmp_path / "here", experiments=["sine"], seeds=[1, 2])
    # The project is a part of its repository.
    (here / ".git").rename(tmp_path / ".git")
    commit(here)
    said = sweep(here, "--workers", "2", code=1, FAILS="sine-2")
    assert "train@sine-2: failed on" in said
    assert "    this one fails\n" in said
    assert said.endswith("error: 1 stage has failed: train@sine-2; see above\n")
    assert "Traceback" not in said
    rows = {line.split()[0]: line.split()[1:5] for line in said.splitlines() if len(line.split()) == 6}
    assert rows["prepare"] == ["0", "1", "0", "0"]
    assert rows["train"] == ["0", "1", "1", "0"]
    assert rows["evaluate"] == ["0", "1", "0", "1"]
    assert (here / "reports" / "runs" / "sine-1").exists()

    assert "5 stages, 2 of them to compute" in sweep(here)  # not what is done
    assert (here / "reports" / "runs" / "sine-2").exists()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster whose head computes nothing."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    made.shutdown()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_ended_leaves_nothing_running_and_goes_on(tmp_path, number, code):
    here, mark = make(tmp_path / "here", experiments=["sine"], seeds=[1]), tmp_path / "mark"
    process = start(here, MARK=str(mark), WAITS="sine-1", **SETTINGS)
    shell = waiting(mark, process)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    until(lambda: not shell.is_running())
    if number == signal.SIGTERM:
        assert "3 stages, 2 of them to compute" in sweep(here)


def test_what_changes_meanwhile_is_not_mixed_up(tmp_path):
    here, mark = make(tmp_path / "here", experiments=["sine"], seeds=[1]), tmp_path / "mark"
    process = start(here, MARK=str(mark), WAITS="sine-1", **SETTINGS)
    shell = waiting(mark, process)
    assert sweep(here, code=1) == "error: another sweep is running in this folder; wait for it, or end it\n"
    params = here / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("lr: 0.001", "lr: 0.002"))
    shell.children()[0].kill()  # it waits no longer
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: this folder has changed since commit" in said
    params.write_text(before)
    assert "3 stages, 0 of them to compute" in sweep(here)


def test_an_address_where_no_cluster_is_is_refused_at_once(repository):
    remote = ("dvc", "remote", "add", "--quiet", "--local", "--default", "team", "../remote")
    run(repository, *remote)
    said = sweep(repository, "--address", "127.0.0.1:1", code=1, MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    run(repository, "dvc", "remote", "remove", "--quiet", "--local", "team")
    assert said.endswith("as HOST:6379\n")
    assert "error: --address: no Ray cluster answers at 127.0.0.1:1" in said


def test_a_cluster_loses_a_machine_and_hands_on_results_by_the_remote(cluster, tmp_path):
    here, mark = make(tmp_path / "here", experiments=["sine"], seeds=[1, 2]), tmp_path / "mark"
    run(here, "dvc", "remote", "add", "--default", "team", "../remote")
    commit(here)
    marks = {"MARK": str(mark), "WAITS": "sine-2"}
    machines = [cluster.add_node(num_cpus=1, env_vars=marks) for _ in range(2)]
    arguments = ("--address", cluster.address, "--scratch", str(tmp_path / "scratch"))
    server = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}  # these stages do not log
    process = start(here, *arguments, **server, **SETTINGS)
    shell = waiting(mark, process)
    above = {parent.pid for parent in shell.parents()}
    (lost,) = [
        each for each in machines if above & {raylet.process.pid for raylet in each.all_processes["raylet"]}
    ]
    cluster.remove_node(lost, allow_graceful=False)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "train@sine-2: its worker was lost, or it was killed; it is tried again" in said
    assert "evaluate 2/2" in said
    until(lambda: not shell.is_running())

    plain = make(tmp_path / "plain", experiments=["sine"], seeds=[1, 2])
    run(plain, "dvc", "repro")
    assert (here / "dvc.lock").read_bytes() == (plain / "dvc.lock").read_bytes()

    # Who comes new has all networks from the remote, and from its run cache what git does not know yet.
    (here / "dvc.lock").unlink()
    new = tmp_path / "new"
    run(tmp_path, "git", "clone", "--quiet", str(here), str(new))
    assert "Running stage 'train" not in run(new, "dvc", "repro", "--pull")
    assert (new / "dvc.lock").read_bytes() == (plain / "dvc.lock").read_bytes()


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("module") / "repository", experiments=["sine"], seeds=[1])


def test_a_mistake_on_the_command_line_is_reported_in_one_line(repository):
    said = sweep(repository, "--workers", "0", code=2)
    assert said == "error: argument --workers: must be from 1 to 1024; see --help\n"


def test_a_cluster_needs_a_remote_and_a_server(repository):
    said = sweep(repository, "--address", "127.0.0.1:1", code=1)
    assert said.startswith("error: a cluster passes results on by a DVC remote")
    remote = ("dvc", "remote", "add", "--quiet", "--local", "--default", "team", "../remote")
    run(repository, *remote)
    said = sweep(repository, "--address", "127.0.0.1:1", code=1)
    assert said.startswith("error: a cluster logs to an MLflow server")
    run(repository, "dvc", "remote", "remove", "--quiet", "--local", "team")


def test_files_that_clones_lack_are_named_by_their_absolute_paths(repository):
    params = repository / "params.yaml"
    before = params.read_text()
    params.write_text(
        before.replace("inception: null", "inception: weights.pth").replace("- sine", "- digits")
    )
    said = sweep(repository, code=1)
    params.write_text(before)
    assert said.startswith(
        "error: params.yaml: digits.evaluate.inception: a sweep works in clones, which do not contain"
    )


def test_what_is_not_committed_is_not_computed(repository):
    params = repository / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace("lr: 0.001", "lr: 0.002"))
    (repository / "stages" / "new.py").touch()
    said = sweep(repository, code=1)
    params.write_text(before)
    (repository / "stages" / "new.py").unlink()
    first = "commit these changes first: params.yaml, stages/new.py"
    assert said == f"error: a sweep computes the last commit; {first}\n"


def test_the_real_pipeline_goes_the_same_way(tmp_path):
    here, plain = make(tmp_path / "here", idle=False, experiments=["sine"], seeds=[111]), tmp_path / "plain"
    run(tmp_path, "git", "clone", "--quiet", str(here), str(plain))
    assert "8 stages, 8 of them to compute" in sweep(here)
    run(plain, "dvc", "repro")
    run_files = ("run.json", "metrics.json", "losses.csv", "evolution.gif", "samples.png", "coverage.png")
    made = ("dvc.lock", "reports/README.md", "reports/runs/sine/judge.png")
    for name in (*made, *(f"reports/runs/sine/seed-111/{name}" for name in run_files)):
        assert (here / name).read_bytes() == (plain / name).read_bytes()
    client = MlflowClient(f"sqlite:///{here}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    named = {found.info.run_name: found for found in runs}
    assert {name: found.info.status for name, found in named.items()} == dict.fromkeys(named, "FINISHED")
    training = named["seed-111"]
    assert training.data.tags["mlflow.source.git.commit"] == run(here, "git", "rev-parse", "HEAD").strip()
    assert training.data.tags["seed"] == "111"
    assert "curve_distance" in training.data.metrics
    pictures = {file.path for file in client.list_artifacts(training.info.run_id)}
    assert {"evolution.gif", "samples.png", "losses.png", "coverage.png"} <= pictures
