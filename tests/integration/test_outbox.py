"""Outages of MLflow: what was logged arrives once, in order, with the time at which it was logged."""

import fcntl
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from benchmarks.mlflow_server import Mood, Proxy, Server
from stages.tracking import journal, modules, outbox, sender
from stages.tracking.messages import Damaged, End, Finish, LogMetrics, Resume, SetTags, Start
from stages.tracking.run import Run
from stages.tracking.store import Store
from stages.tracking.tags import KEY, PROCESS

pytestmark = pytest.mark.slow

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Iterator[Server]:
    """Starting one takes seconds, so the tests share it."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture
def server(stopped) -> Server:
    if stopped.process is None:
        stopped.start()
    return stopped


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> str:
    """A store in a file; making one takes seconds, and two at once break it."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('database')}/mlflow.db"
    MlflowClient(uri).search_experiments()
    return uri


@pytest.fixture
def box(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".outbox"


_SENDS_FOR = """
import pathlib, sys, time
from stages.tracking import journal
with journal.sending(pathlib.Path(sys.argv[1])) as ours:
    assert ours
    print("at it", flush=True)
    time.sleep(float(sys.argv[2]))
"""


class Log:
    """Logs epochs to a run, and knows when it logged which."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "checkpoint.bin"
        self.file.write_bytes(b"weights")
        self.times: dict[int, tuple[int, int]] = {}

    def __call__(self, run: Run, *epochs: int) -> None:
        for epoch in epochs:
            before = journal.now()
            run.log_metrics({"loss": epoch / 7, "d": float(-epoch)}, step=epoch)
            self.times[epoch] = (before, journal.now())
            if epoch % 5 == 0:
                run.log_image("preview", PICTURE, step=epoch)
                run.log_files(f"epoch-{epoch}", self.file)
            time.sleep(0.002)

    def check(self, client: MlflowClient, experiment: str, status: str = "FINISHED") -> str:
        """Every point is there once, in order, as it was; the pictures, too. Returns the run's id."""
        (run,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
        assert run.info.status == status
        epochs = sorted(self.times)
        for name, value in (("loss", lambda epoch: epoch / 7), ("d", lambda epoch: -epoch)):
            points = client.get_metric_history(run.info.run_id, name)
            assert [(point.step, point.value) for point in points] == [(n, value(n)) for n in epochs]
            for point in points:
                before, after = self.times[point.step]
                assert before <= point.timestamp <= after
        assert run.info.start_time <= self.times[epochs[0]][1]
        pictures = [n for n in epochs if n % 5 == 0]
        names = sorted(Path(file.path).name for file in client.list_artifacts(run.info.run_id, "images"))
        assert len(names) == 2 * len(pictures)
        assert {int(name.split("+")[2]) for name in names} == set(pictures)
        for name in names:
            before, after = self.times[int(name.split("+")[2])]
            assert before <= int(name.split("+")[4]) <= after + 1000
        for epoch in pictures:
            (file,) = client.list_artifacts(run.info.run_id, f"epoch-{epoch}")
            assert file.file_size == len(b"weights")
        return run.info.run_id


@pytest.fixture
def log(tmp_path) -> Log:
    return Log(tmp_path)


def sync(uri: str, box: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What `make sync` does, and nothing is left then."""
    with Store(uri, box, patient=True) as store:
        store.open()
    assert "wait" not in capfd.readouterr().out
    assert store.outbox.waiting() == (0, 0)


def send_rest(store: Store, box: Path) -> None:
    """Send what waits, again and again where luck decides whether that fails; nothing is left then."""
    for _ in range(5):
        if store.outbox.waiting()[0]:
            with Store(store._uri, box) as again:
                again.open()
    assert store.outbox.waiting() == (0, 0)


def known(run: Run, seconds: float = 120.0) -> str:
    """The run's name in MLflow, as soon as it has one: to import MLflow takes long on a busy machine."""
    end = time.monotonic() + seconds
    while not (run_id := run.run_id) and time.monotonic() < end:
        time.sleep(0.1)
    assert run_id
    return run_id


def waits(client: MlflowClient, experiment: str, seconds: float = 40.0) -> None:
    """Wait until a run is there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = client.get_experiment_by_name(experiment)
        if found and client.search_runs([found.experiment_id]):
            return
        time.sleep(0.1)
    raise TimeoutError(experiment)


def test_a_server_that_is_stopped_and_started_again_gets_all_of_it(stopped, box, log, capfd):
    server = stopped
    server.stop()
    begun = journal.now()
    with Store(server.uri, box) as store:
        with store.start("stopped", "seed-1", {"seed": "1"}, {"lr": 0.1}) as run:
            log(run, *range(1, 21))
            run.set_tags({"dvc.generator": "abc"})
        ended = journal.now()
        start = time.monotonic()
    assert time.monotonic() - start < 15
    said = capfd.readouterr()
    assert said.out.startswith("MLflow: 31 messages of 1 run wait in ")
    assert said.err.count("warning") == 1

    # The next stage logs to the same run, which is in the outbox only; the server comes back meanwhile.
    with Store(server.uri, box) as store:
        found = store.find("stopped", "dvc.generator", "abc")
        assert store.find("stopped", "dvc.generator", "other") is None
        found.log_metrics({"score": 1.0}, step=20)
        server.start()
    assert capfd.readouterr().out == ""
    client = MlflowClient(server.uri)
    run = client.get_run(log.check(client, "stopped"))
    assert begun <= run.info.start_time < run.info.end_time <= ended
    assert run.data.params == {"lr": "0.1"}
    assert run.data.tags["seed"] == "1"
    assert run.data.metrics["score"] == 1
    assert store.outbox.journals() == []


def test_a_server_that_stands_still_holds_up_nothing(server, box, log, capfd, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    client = MlflowClient(server.uri)
    with Store(server.uri, box) as store:
        with store.start("frozen", "seed-1", {}, {}) as run:
            log(run, 1, 2, 3)
            waits(client, "frozen")
            server.signal(signal.SIGSTOP)
            start = time.monotonic()
            log(run, *range(4, 31))
            with store.start("born in the cold", "seed-1", {}, {}) as other:
                other.log_metrics({"loss": 1.0})
            assert time.monotonic() - start < 1
            assert store.find("frozen", "no", "such") is None
            assert time.monotonic() - start < 10
        start = time.monotonic()
    assert time.monotonic() - start < 16
    assert "of 2 runs wait in" in capfd.readouterr().out
    server.signal(signal.SIGCONT)
    sync(server.uri, box, capfd)
    log.check(client, "frozen")
    assert len(client.search_runs([client.get_experiment_by_name("born in the cold").experiment_id])) == 1


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts proxies, which fail as they are told; returns their addresses."""
    started = []

    def start(mood: Callable[[str], Mood], target: str = "") -> str:
        started.append(Proxy(mood, target))
        return started[-1].uri

    yield start
    for proxy in started:
        proxy.stop()


def test_a_server_that_always_answers_500_costs_two_lines(serve, box, log, capfd):
    with Store(serve(lambda _: "before"), box) as store:
        with store.start("500", "seed-1", {}, {}) as run:
            log(run, *range(1, 31))
        start = time.monotonic()
    assert time.monotonic() - start < 12
    said = capfd.readouterr()
    assert said.err.count("\n") == 1
    assert said.out.count("\n") == 1


def test_a_server_that_answers_500_now_and_then_gets_each_point_once(server, serve, box, log, capfd):
    chance = random.Random(1)

    def moods(_: str) -> Mood:
        return chance.choices(["well", "before", "after"], [14, 1, 1])[0]

    with (
        Store(serve(moods, server.uri), box) as store,
        store.start("moods", "seed-1", {}, {}) as run,
    ):
        log(run, *range(1, 41))
    send_rest(store, box)
    log.check(MlflowClient(server.uri), "moods")


def test_a_picture_is_there_in_both_sizes_whichever_answers_are_lost(server, serve, box, log, capfd):
    failed = set()

    def fail_once(request: str) -> Mood:
        what = next((part for part in ("runs/create", ".png", ".webp", "set-tag") if part in request), "")
        if not what or request in failed:
            return "well"
        failed.add(request)
        return "after" if what == "runs/create" else "before"  # made, but nobody hears of it

    uri = serve(fail_once, server.uri)
    with Store(uri, box) as store, store.start("both sizes", "seed-1", {}, {}) as run:
        log(run, 5)
    send_rest(store, box)
    assert {".png", ".webp"} <= {Path(request.split()[1]).suffix for request in failed}
    client = MlflowClient(server.uri)
    run_id = log.check(client, "both sizes")
    assert client.get_run(run_id).data.tags["mlflow.loggedImages"] == "True"


def test_a_locked_database_is_waited_for_in_the_background(database, box, log, capfd, monkeypatch):
    monkeypatch.setattr("stages.tracking.store._STUCK", 2.0)
    with (
        closing(sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)) as other,
        Store(database, box) as first,
        first.start("unlocked", "seed-1", {}, {}) as run,
    ):
        known(run)
        with Store(database, box) as store:
            assert store.find("unlocked", "no", "such") is None
            other.execute("BEGIN EXCLUSIVE")
            start = time.monotonic()
            with store.start("locked", "seed-1", {}, {}) as run:
                log(run, *range(1, 31))
            assert time.monotonic() - start < 1
        assert time.monotonic() - start < 10  # the process that is stuck in SQLite is killed
        assert "wait in" in capfd.readouterr().out
        other.execute("ROLLBACK")
    sync(database, box, capfd)
    log.check(MlflowClient(database), "locked")


def test_a_full_disk_under_the_store_loses_nothing(database, box, log, capfd):
    with Store(database, box) as store:
        store.open()
        limit = (1024, resource.RLIM_INFINITY)  # no file of MLflow's may grow beyond: as if the disk was full
        resource.prlimit(store._process.pid, resource.RLIMIT_FSIZE, limit)
        with store.start("full", "seed-1", {}, {}) as run:
            log(run, *range(1, 31))
            assert run.run_id is None
        resource.prlimit(store._process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert "wait" not in capfd.readouterr().out
    log.check(MlflowClient(database), "full")


def test_a_damaged_database_loses_nothing(server, box, log, capfd):
    """MLflow calls it a bad request; it is none of ours."""
    database = server.folder / "mlflow.db"
    with Store(server.uri, box) as store, store.start("damaged", "seed-1", {}, {}) as run:
        log(run, *range(1, 6))
        known(run)
        whole = database.read_bytes()
        database.write_bytes(b"rubbish" * (len(whole) // 7 + 1))
        log(run, *range(6, 11))
        assert store.find("damaged", "no", "such") is None
    assert "wait in" in capfd.readouterr().out
    database.write_bytes(whole)
    sync(server.uri, box, capfd)
    log.check(MlflowClient(server.uri), "damaged")


def test_a_run_of_a_deleted_experiment_waits_for_it_to_be_restored(database, box, log, capfd):
    client = MlflowClient(database)
    experiment = client.create_experiment("gone")
    client.delete_experiment(experiment)
    with Store(database, box) as store, store.start("gone", "seed-1", {}, {}) as run:
        log(run, *range(1, 11))
    said = capfd.readouterr()
    assert "its experiment gone is deleted; restore it" in said.err
    assert "wait in" in said.out
    client.restore_experiment(experiment)
    sync(database, box, capfd)
    log.check(client, "gone")


def test_a_file_that_is_too_large_for_the_server_is_left_out(server, serve, box, log, capfd):
    uri = serve(lambda request: "large" if "epoch-5" in request else "well", server.uri)
    with Store(uri, box) as store, store.start("too large", "seed-1", {}, {}) as run:
        log(run, *range(1, 8))
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "MLflow refused log_files, it is left out: 413" in said.err
    client = MlflowClient(server.uri)
    (run,) = client.search_runs([client.get_experiment_by_name("too large").experiment_id])
    assert run.info.status == "FINISHED"
    points = client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in points] == list(range(1, 8))
    assert client.list_artifacts(run.info.run_id, "epoch-5") == []


def test_a_model_is_there_once_whichever_answers_are_lost(server, serve, box, generator_file, capfd):
    lost = set()

    def lose_once(request: str) -> Mood:
        what = next((part for part in ("outputs", "logged-models", "MLmodel", "data") if part in request), "")
        kind = (request.split()[0], what)
        if kind[0] == "GET" or not what or kind in lost or "search" in request:
            return "well"
        lost.add(kind)
        return "after"

    uri = serve(lose_once, server.uri)
    with Store(uri, box) as store, store.start("lost", "seed-7", {}, {"train.epochs": 5}) as run:
        run.log_model(generator_file, modules.pack(generator_file.parent))
        run.set_tags({"last": "yes"})
    send_rest(store, box)
    assert lost >= {
        ("POST", "logged-models"),
        ("PATCH", "logged-models"),
        ("POST", "outputs"),
        ("PUT", "MLmodel"),
    }
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("lost").experiment_id
    (run,) = client.search_runs([experiment])
    (model,) = client.search_logged_models([experiment])
    assert (model.source_run_id, model.status) == (run.info.run_id, "READY")
    assert [(output.model_id, output.step) for output in run.outputs.model_outputs] == [(model.model_id, 5)]
    assert run.data.tags["last"] == "yes"


@pytest.mark.parametrize("damaged", ["", "generator.safetensors", "code.zip"])
def test_a_model_that_cannot_be_logged_is_left_out(server, serve, box, generator_file, capfd, damaged):
    """Of a damaged file, or as the server knows of none: it is an old one."""
    code = modules.pack(generator_file.parent)
    if damaged:
        generator_file.with_name(damaged).write_bytes(b"rubbish")
    uri = serve(
        lambda request: "missing" if not damaged and "logged-models" in request else "well", server.uri
    )
    name = f"without {damaged}"
    with Store(uri, box) as store, store.start(name, "seed-7", {}, {}) as run:
        run.log_model(generator_file, code)
        run.set_tags({"last": "yes"})
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "MLflow refused log_model, it is left out: " in said.err
    assert ("is damaged" if damaged else "this store has no models of runs") in said.err
    client = MlflowClient(server.uri)
    (run,) = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    assert (run.info.status, run.data.tags["last"]) == ("FINISHED", "yes")


def test_a_slow_server_has_the_time_it_needs_where_there_is_time(server, serve, box, log, capfd):
    seconds, mood = 0.0, "well"

    def slow(_: str) -> Mood:
        time.sleep(seconds)
        return mood

    uri = serve(slow, server.uri)
    with Store(uri, box) as store, store.start("slow", "seed-1", {}, {}) as run:
        log(run, *range(1, 4))
        known(run)
        mood = "before"
        log(run, 4)
    assert "wait in" in capfd.readouterr().out
    seconds, mood = 4.0, "well"  # more than a stage waits at its end
    sync(uri, box, capfd)
    log.check(MlflowClient(server.uri), "slow")


def test_a_question_is_answered_while_much_is_sent_slowly(server, serve, box, log, capfd, monkeypatch):
    monkeypatch.setattr("stages.tracking.store._END", 1.0)
    seconds = 0.0

    def slow(_: str) -> Mood:
        time.sleep(seconds)
        return "well"

    with Store(serve(slow, server.uri), box) as store:
        with store.start("asked", "seed-1", {"name": "a"}, {}) as run:
            known(run)
            seconds = 0.7
            for epoch in range(1, 31):
                run.log_image("preview", PICTURE, step=epoch)
            time.sleep(6.0)  # it is at it by now
            start = time.monotonic()
            assert store.find("asked", "no", "such") is None
            assert store.find("asked", "name", "a") is not None
            assert time.monotonic() - start < 15
        seconds = 0.0
    capfd.readouterr()
    sync(store._uri, box, capfd)


def test_an_outbox_that_is_removed_is_reported(database, box, log, capfd):
    with Store(database, box) as store, store.start("removed", "seed-1", {}, {}) as run:
        log(run, 1)
        shutil.rmtree(box)
        log(run, 2, 3)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(
        "warning: logged data cannot be written, and may be missing in MLflow: it was removed: "
    )


def test_numbers_that_are_none_are_there_once(database, box, capfd):
    values = {"none": float("nan"), "infinite": float("inf"), "less": -float("inf"), "one": 1.0}
    with (
        Store(database, box) as store,
        store.start("numbers", "seed-1", {"dvc.generator": "n"}, {}) as run,
    ):
        run.log_metrics(values, step=1)
        run_id = known(run)
    with Store(database, box) as store:
        store.find("numbers", "dvc.generator", "n").log_metrics(values, step=1)
    client = MlflowClient(database)
    assert [len(client.get_metric_history(run_id, name)) for name in values] == [1, 1, 1, 1]


def test_what_was_sent_but_not_noted_is_there_once(database, box, log):
    """The sender dies between sending and noting: at each message once. The tag is an earlier version's."""
    store = outbox.Outbox(box, database)
    name = store.new()
    run = Run(_Alone(store), name, Start(experiment="twice", key=name, tags={"outbox": name}))
    run.open(resume=False, tags={})
    log(run, *range(1, 11))
    run.log_dataset("data", log.file)
    run.finish("FINISHED")
    run.close()
    path = store.folder / name
    ends = [0, *(end for _, end in journal.read(path))]
    run_id = ""
    for end in ends:
        if end:
            outbox.save(path, outbox.Sent(end, run_id, created=True))
        process = sender.Sender(database, store, lambda _: None, pytest.fail)
        process.send(path)
        run_id = process.run_id(name)
    client = MlflowClient(database)
    log.check(client, "twice")
    found = client.get_run(run_id)
    assert len(found.inputs.dataset_inputs) == 1
    assert (found.data.tags.get(KEY), found.data.tags.get("outbox")) == (name, None)
    outbox.clear(path)
    assert not path.exists()


class _Alone:
    """As much of a store as a run needs without a process."""

    def __init__(self, box: outbox.Outbox) -> None:
        self.outbox = box

    def watch_journal(self, _: str) -> None: ...

    def owns(self, _: Path) -> bool:
        return False


def test_eight_trainings_log_to_one_new_database_at_once(tmp_path, root, capfd):
    program = """
import pathlib, sys
import numpy as np
from stages.tracking.store import Store
with Store(sys.argv[1], pathlib.Path(".outbox")) as store:
    with store.start("eight", sys.argv[2], {}, {"n": 1}) as run:
        for step in range(200):
            run.log_metrics({"a": step / 3, "b": float(step)}, step=step)
            if step % 50 == 0:
                run.log_image("preview", np.zeros((4, 4, 3), np.uint8), step)
"""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", program, uri]
    started = [
        subprocess.Popen([*command, f"seed-{seed}"], cwd=tmp_path, env=environment) for seed in range(8)
    ]
    assert [process.wait(timeout=120) for process in started] == [0] * 8
    capfd.readouterr()  # on a busy machine, some of it waits still
    sync(uri, tmp_path / ".outbox", capfd)
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("eight").experiment_id])
    assert sorted(run.info.run_name for run in runs) == [f"seed-{seed}" for seed in range(8)]
    for run in runs:
        assert run.info.status == "FINISHED"
        for name in "ab":
            steps = [point.step for point in client.get_metric_history(run.info.run_id, name)]
            assert steps == list(range(200))
        assert len(client.list_artifacts(run.info.run_id, "images")) == 8


def test_a_killed_run_goes_on_without_doubled_points(database, box, log, root, capfd):
    program = """
import os, pathlib, sys
import numpy as np
from stages.tracking.store import Store
store = Store(sys.argv[1], pathlib.Path(sys.argv[2]))
key = store.new_key()
with store.start("resumed", "seed-1", {}, {}, key=key) as run:
    for step in range(1, 11):
        run.log_metrics({"loss": step / 7, "d": float(-step)}, step=step)
        if step % 5 == 0:
            run.log_image("preview", np.zeros((8, 8, 3), np.uint8), step=step)
            run.log_files(f"epoch-{step}", pathlib.Path(sys.argv[3]))
        if step == 6:
            print(key, flush=True)
    os.kill(os.getpid(), 9)
"""
    begun = journal.now()
    dead = subprocess.run(
        [sys.executable, "-c", program, database, str(box), str(log.file)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    died = journal.now()
    assert dead.returncode == -9
    with (
        Store(database, box) as store,
        store.start("resumed", "seed-1", {}, {}, key=dead.stdout.strip()) as run,
    ):
        log(run, *range(7, 13))
        assert MlflowClient(database).get_run(known(run)).info.status == "RUNNING"
        log(run, 13)
    log.times |= dict.fromkeys(range(1, 11), (begun, died))  # not when they were logged anew
    run_id = log.check(MlflowClient(database), "resumed")
    tags = MlflowClient(database).get_run(run_id).data.tags
    assert tags[PROCESS].endswith(f":{os.getpid()}")
    assert store.outbox.journals() == []


def test_what_another_process_is_sending_is_waited_for(database, box, log, root, capfd):
    """The one that a killed run left behind sends still, as on a machine that does much else."""
    with Store(database, box) as store:
        key = store.new_key()
        with store.start("busy", "seed-1", {}, {}, key=key) as run:
            log(run, *range(1, 4))
            known(run)
            other = subprocess.Popen(
                [sys.executable, "-c", _SENDS_FOR, str(store.outbox.folder / key), "6"],
                env={**os.environ, "PYTHONPATH": str(root)},
                stdout=subprocess.PIPE,
                text=True,
            )
            assert other.stdout is not None
            assert other.stdout.readline() == "at it\n"
            log(run, 4, 5)
    assert other.wait() == 0
    log.check(MlflowClient(database), "busy")
    assert store.outbox.journals() == []
    assert capfd.readouterr() == ("", "")


def test_a_run_that_goes_on_without_its_journal_has_nothing_doubled(database, box, log, capfd):
    key = ""
    with suppress(RuntimeError), Store(database, box) as store:
        key = store.new_key()
        with store.start("failed", "seed-1", {}, {}, key=key) as run:
            log(run, *range(1, 12))
            raise RuntimeError
    assert store.outbox.journals() == []  # all is sent, and what FAILED is not expected to go on
    times = dict(log.times)
    with Store(database, box) as store, store.start("failed", "seed-1", {}, {}, key=key) as run:
        log(run, *range(1, 14))
    log.times |= times
    log.check(MlflowClient(database), "failed")


def test_a_killed_run_that_was_deleted_goes_on_as_a_new_one(database, box, log, capfd):
    client = MlflowClient(database)
    key = ""
    with suppress(KeyboardInterrupt), Store(database, box) as store:
        key = store.new_key()
        with store.start("deleted", "seed-1", {}, {}, key=key) as run:
            log(run, 1, 2, 3)
            raise KeyboardInterrupt
    (path,) = store.outbox.journals()  # kept, as the run may go on
    client.delete_run(outbox.load(path).run_id)
    with Store(database, box) as store, store.start("deleted", "seed-1", {}, {}, key=key) as run:
        log(run, 4)
    log.check(client, "deleted")
    assert store.outbox.journals() == []


def test_scores_of_a_run_that_the_store_had_all_along_arrive(server, box, capfd):
    tag = ("dvc.generator", "def")
    with Store(server.uri, box) as store, store.start("scored", "seed-1", {}, {"lr": 1}) as run:
        run.log_metrics({"loss": 1.0}, step=1)
        run.set_tags(dict([tag]))
    server.signal(signal.SIGSTOP)
    try:
        with (  # as `sample` does where the store cannot be asked
            Store(server.uri, box) as store,
            store.start("scored", "from files", dict([tag]), {"lr": 1}, if_absent_tag=tag) as run,
        ):
            run.log_metrics({"loss": 1.0}, step=1)
        with Store(server.uri, box) as store:  # and then `evaluate`
            run = store.find("scored", *tag)
            assert run is not None
            run.log_metrics({"score": 2.0}, step=1)
    finally:
        server.signal(signal.SIGCONT)
    capfd.readouterr()
    sync(server.uri, box, capfd)
    client = MlflowClient(server.uri)
    (found,) = client.search_runs([client.get_experiment_by_name("scored").experiment_id])
    assert found.info.run_name == "seed-1"
    assert found.data.metrics == {"loss": 1, "score": 2}
    for _ in range(2):  # the same again changes nothing, another value does
        with Store(server.uri, box) as store:
            run = store.find("scored", *tag)
            assert run is not None
            run.log_metrics({"score": 2.0}, step=1)
            run.log_metrics({"score": 3.0}, step=1)
    points = client.get_metric_history(found.info.run_id, "score")
    assert [point.value for point in points] == [2, 3]


def test_a_damaged_picture_holds_up_nothing(database, box, log, capfd, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Store, "open", lambda _: None)  # it is sent later
        patch.setattr(Store, "_ask", lambda *_: None)
        with Store(database, box) as store, store.start("damaged", "seed-1", {}, {}) as run:
            log(run, *range(1, 8))
    (picture,) = box.glob("*/*/files/*/array.npy")
    picture.write_bytes(b"")
    capfd.readouterr()
    sync(database, box, capfd)
    client = MlflowClient(database)
    (found,) = client.search_runs([client.get_experiment_by_name("damaged").experiment_id])
    assert found.info.status == "FINISHED"
    assert len(client.get_metric_history(found.info.run_id, "loss")) == 7


def test_a_store_in_a_folder_that_is_not_there_yet_has_its_artifacts_there(tmp_path, box, log):
    uri = f"sqlite:///{tmp_path}/not/there/mlflow.db"
    with Store(uri, box) as store, store.start("new", "seed-1", {}, {}) as run:
        log(run, 5)
    experiment = MlflowClient(uri).get_experiment_by_name("new")
    assert Path(experiment.artifact_location).parent == tmp_path / "not" / "there" / "mlruns"
    log.check(MlflowClient(uri), "new")


def test_a_password_is_no_argument_and_in_no_message(box, capfd):
    with Store("http://bob:s3cret@127.0.0.1:9", box) as store:
        store.open()
        assert store._process is not None
        assert "s3cret" not in str(store._process.args)
        with store.start("secret", "seed-1", {}, {}) as run:
            run.log_metrics({"loss": 1.0})
    said = capfd.readouterr()
    assert "http://127.0.0.1:9 failed" in said.err
    assert "s3cret" not in said.out + said.err
    assert not [path for path in box.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


def kinds(folder: Path) -> list[type]:
    """Of the messages in a journal."""
    return [type(message) for message, _ in journal.read(folder)]


def test_the_last_records_are_read_without_the_others(tmp_path):
    written = journal.Journal(tmp_path / "1", Start(key="1"))
    for step in range(300):
        written.append(LogMetrics(metrics={"loss": 1.0}, step=step))
    written.append(Finish(status="KILLED"))
    written.close()
    records = [record for record, _ in journal.read(tmp_path / "1")]
    last = journal.last(tmp_path / "1")
    assert 2 < len(last) < 100
    assert last == records[-len(last) :]
    with (tmp_path / "1" / "journal").open("ab") as file:
        file.write(b"cut sho")
    assert journal.last(tmp_path / "1") == []


def test_a_run_that_turns_out_to_be_there_is_left_as_it_is(server, box, capfd):
    with (
        Store(server.uri, box) as store,
        store.start("there", "seed-1", {"dvc.generator": "abc"}, {"lr": 1}) as run,
    ):
        run.log_metrics({"loss": 1.0}, step=1)
    server.signal(signal.SIGSTOP)
    try:
        box_of_another = box.with_name("another")
        with Store(server.uri, box_of_another) as store:
            tag = ("dvc.generator", "abc")
            with store.start("there", "from files", dict([tag]), {"lr": 1}, if_absent_tag=tag) as run:
                run.log_metrics({"loss": 1.0}, step=1)
            run.log_metrics({"score": 2.0}, step=1)
            server.signal(signal.SIGCONT)
    finally:
        server.signal(signal.SIGCONT)
    sync(server.uri, box_of_another, capfd)
    client = MlflowClient(server.uri)
    (found,) = client.search_runs([client.get_experiment_by_name("there").experiment_id])
    assert found.info.run_name == "seed-1"
    assert len(client.get_metric_history(found.info.run_id, "loss")) == 1
    assert found.data.metrics["score"] == 2


def test_what_the_store_refuses_is_left_out_and_the_rest_goes_on(database, box, capfd):
    with (
        Store(database, box) as store,
        store.start("refused", "seed-1", {}, {}) as run,
    ):
        run.set_tags({"k" * 251: "no tag is that long"})
        run.set_tags({"next": "yes"})
    assert "left out" in capfd.readouterr().err
    assert MlflowClient(database).search_runs(
        [MlflowClient(database).get_experiment_by_name("refused").experiment_id]
    )[0].data.tags["next"] == "yes"  # fmt: skip


def test_what_killed_processes_left_is_purged_after_a_day(database, tmp_path):
    store = outbox.Outbox(tmp_path, database)
    store.new()
    old, new = store.folder / ".files1", store.folder / ".files2"
    for path in (old, new):
        path.mkdir()
        (path / "checkpoint").write_text("")
    os.utime(old, (0, 0))
    store.purge()
    assert not old.exists()
    assert new.exists()
    assert (store.folder / ".store").exists()


def test_a_journal_cut_short_anywhere_keeps_the_records_before(tmp_path):
    written = journal.Journal(tmp_path / "1", Start(key="1"))
    written.append(LogMetrics(metrics={"loss": float("nan")}, step=1))
    written.append(SetTags(tags={"ä": "\n"}))
    os.close(written._file)  # killed
    content = (tmp_path / "1" / "journal").read_bytes()
    whole = list(journal.read(tmp_path / "1"))
    assert len(whole) == 3
    for size in range(len(content)):
        (tmp_path / "1" / "journal").write_bytes(content[:size])
        expected = [end for _, end in whole if end <= size]
        assert [end for _, end in journal.read(tmp_path / "1")] == expected
    (tmp_path / "1" / "journal").write_bytes(content[:-1])
    journal.mark_killed(tmp_path / "1")
    assert kinds(tmp_path / "1") == [Start, LogMetrics, Finish, End]
    damaged = bytearray(content)
    damaged[whole[0][1] + 20] ^= 1
    (tmp_path / "1" / "journal").write_bytes(damaged)
    assert kinds(tmp_path / "1") == [Start, Damaged, SetTags]


def test_a_full_disk_under_the_outbox_costs_a_line(tmp_path, capfd):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = journal.Journal(tmp_path / "1", Start(key="1"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        for step in range(20):
            written.append(LogMetrics(metrics={"loss": 1.0}, step=step))
        assert written.attach_array(np.zeros((100, 100), np.uint8)) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    written.close()
    found = [message for message, _ in journal.read(tmp_path / "1")]
    assert [message.step for message in found if isinstance(message, LogMetrics)] == [*range(20)]
    assert capfd.readouterr().err.count("\n") == 1


def test_an_outbox_that_cannot_be_written_stops_nothing(database, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    with (
        Store(database, tmp_path / "file") as store,
        store.start("nowhere", "seed-1", {}, {}) as run,
    ):
        run.log_metrics({"loss": 1.0})
        run.log_image("preview", PICTURE, step=1)
        with store.folder() as folder:
            (folder / "a").write_text("b")
            run.log_files("c", folder / "a")
    assert "logged data cannot be written" in capfd.readouterr().err


def test_a_journal_cut_short_in_its_first_record_begins_again(tmp_path):
    first = Start(key="box", time=1)
    journal.Journal(tmp_path / "box", first).close()
    file = tmp_path / "box" / "journal"
    content = file.read_bytes()
    for length in (0, 1, len(journal.line(first)) - 1):
        file.write_bytes(content[:length])
        again = journal.Journal(tmp_path / "box", first)
        again.append(Resume())
        os.close(again._file)
        assert kinds(tmp_path / "box") == [Start, Resume]


@pytest.mark.parametrize("tag", [None, ("dvc.generator", "abc")])
def test_a_killed_writer_ends_its_own_run_only(tmp_path, tag):
    """And not one that the store had all along, of which it wrote a copy."""
    box = journal.Journal(tmp_path / "box", Start(key="box", if_absent_tag=tag))
    os.close(box._file)  # as it is after a kill
    journal.mark_killed(tmp_path / "box")
    assert kinds(tmp_path / "box") == [Start, Finish, End]
    _, (finish, _), _ = journal.read(tmp_path / "box")
    assert finish.status == "KILLED"
    assert finish.skip_if_found is bool(tag)


def test_who_looks_after_a_journal_that_waits_locks_nobody_out(tmp_path):
    box = journal.Journal(tmp_path / "box", Start(key="box"))
    box.close()
    with (tmp_path / "box" / "journal").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # another who asks whether it is written
        assert not journal.is_written(tmp_path / "box")
        outbox.clear(tmp_path / "box")
        assert outbox.unsent(tmp_path / "box") == 1
        fcntl.flock(file, fcntl.LOCK_EX)
        assert journal.is_written(tmp_path / "box")
