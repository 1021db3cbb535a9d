"""MLflow's UI as people see it: in a real browser, of real trainings, by what `make ui` runs."""

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from mlflow import MlflowClient

from benchmarks import browser
from benchmarks.mlflow_server import Server
from stages.tracking import pages
from tests import calls

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Page

RATES = {1: 0.0005, 2: 0.002}  # learning rates of two seeds
ANOTHER = 0.001  # that of another run of seed 1
FIRST, SECOND, THIRD = "seed-1", "seed-2, lr 0.002", "seed-1, lr 0.001"  # names: what differs from the first


@pytest.fixture(scope="module")
def trained(finished, tmp_path_factory) -> Path:
    """Trainings of digits, each with its own seed or learning rate, in a store of their own."""
    folder = tmp_path_factory.mktemp("trained") / "copy"
    shutil.copytree(finished, folder)
    for seed, rate in (*RATES.items(), (1, ANOTHER)):
        calls.change(folder, digits__train__lr=rate, experiments=["digits"])
        for stage in calls.OF_A_RUN:
            arguments = ("--experiment", "digits", "--seed", str(seed))
            ended = calls.call(folder, stage, *arguments, tracked=stage in ("evaluate", "plot"))
            assert ended.code == 0, ended
    return folder


@contextmanager
def started(folder: Path, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """What `make ui` starts, as on a machine without a desktop; it ends with the block."""
    own = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.tools.ui", *arguments],
        cwd=folder,
        env={**own, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def error(folder: Path, *arguments: str, **environment: str) -> str:
    """The one line with which it ends."""
    with started(folder, *arguments, **environment) as process:
        out, err = process.communicate(timeout=120)
    calls.assert_refused(calls.Ended(process.returncode, out, err))
    return err


@pytest.fixture(scope="module")
def address(trained) -> Iterator[str]:
    """The address that it prints."""
    with started(trained) as process:
        line = process.stdout.readline()
        assert line.startswith("MLflow: http://127.0.0.1:"), process.communicate()
        yield line.removeprefix("MLflow: ").strip()


@pytest.fixture
def empty() -> Iterator["Page"]:
    """A page of a browser that has opened nothing yet."""
    pytest.importorskip("playwright", reason="Playwright is not installed")
    found = browser.find()
    if found is None:
        pytest.skip("no Chromium or Chrome is installed")
    with browser.opened(found, height=1300) as page:
        yield page


@pytest.fixture
def page(address, empty) -> "Page":
    empty.goto(address)
    return empty


def test_the_experiment_opens_with_its_losses_and_pictures_and_two_runs_compare(page):
    for name in (FIRST, SECOND, THIRD):
        page.get_by_role("link", name=name, exact=True).wait_for()
    page.get_by_text("the block digits of params.yaml").wait_for()
    for section in ("Losses and mean D", "Pictures by epoch", "Scores", "What differs"):
        page.get_by_text(section).first.wait_for()
    page.locator(".js-plotly-plot path.js-line").nth(11).wait_for(state="attached")  # 4 charts, 3 runs
    pictures = page.locator("img[src*='images%2Fpreview%2Bstep%2B2']")
    assert all(browser.widths(pictures, 3))
    page.get_by_text(f"{THIRD} (loss_g)").first.wait_for()

    browser.compare(page, FIRST, SECOND)
    for name in (FIRST, SECOND):
        page.get_by_text(name, exact=True).first.wait_for()
    browser.show_differences(page)
    page.get_by_text("train.epochs", exact=True).wait_for(state="detached")
    for rate in RATES.values():
        page.get_by_text(str(rate), exact=True).last.wait_for()
    page.get_by_text("dvc.generator", exact=True).wait_for()
    for noise in ("outbox", "process", "dvc.stage", "fid_judge_real", "spread/fid_judge"):
        assert not page.get_by_text(noise, exact=True).all()
    page.get_by_text("evolution.gif", exact=True).click()
    assert all(browser.widths(page.get_by_alt_text("evolution.gif"), 2))

    browser.follow(page, "loss_g")
    page.locator(".js-plotly-plot path.js-line").nth(1).wait_for(state="attached")
    for name in (FIRST, SECOND):
        page.get_by_text(f"{name} (loss_g)").first.wait_for()


def test_the_table_has_the_parameters_that_differ_and_the_main_scores(page, address):
    page.goto(address.replace("&compareRunsMode=CHART", ""))
    cells = {"train.lr": str(ANOTHER), "seed": "2"}
    for name in ("seed", "train.lr", "fid_judge", "recall"):
        page.locator(".ag-header-cell").get_by_text(name, exact=True).wait_for()
    for name, value in cells.items():
        page.locator(f".ag-cell[col-id='params.`{name}`']").filter(has_text=value).first.wait_for()
    assert not page.locator(".ag-cell[col-id='params.`train.epochs`']").all()


@pytest.mark.parametrize("earlier", [False, True])
def test_an_experiment_with_a_judge_alone_shows_it(finished, tmp_path, empty, earlier):
    """Also where an earlier version has shared a view of trainings, which there are none of."""
    folder = tmp_path / "judged"
    shutil.copytree(finished, folder)
    assert calls.call(folder, "judge", experiment="digits", tracked=True).code == 0
    if earlier:
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        number = client.get_experiment_by_name("digits").experiment_id
        for name, text in pages.view(["loss_d"], 2).items():
            client.set_experiment_tag(number, name, text)
    with started(folder, "--experiment", "digits") as process:
        empty.goto(process.stdout.readline().split()[1])
        empty.get_by_role("link", name="judge", exact=True).wait_for()
        empty.locator(".js-plotly-plot path.js-line").first.wait_for(state="attached")
        assert not empty.get_by_text("All runs are filtered").all()


def test_a_run_shows_its_description_and_picture(page):
    browser.follow(page, SECOND)
    page.get_by_text("with seed 2").wait_for()
    page.get_by_text("data/digits/seed-2/", exact=True).wait_for()
    assert all(browser.widths(page.locator("img[src*='get-artifact?path=evolution.gif']"), 1))


def test_a_copy_in_a_folder_of_any_name_shows_pictures_of_its_own(trained, tmp_path):
    copy = tmp_path / "feature%2Fx"
    shutil.copytree(trained, copy)
    path = next(copy.glob("mlruns/*/*/artifacts/evolution.png"))
    path.write_bytes(b"its own")
    with started(copy) as process:
        place = process.stdout.readline().split()[1].partition("/#/")[0]
        query = urlencode({"path": path.name, "run_uuid": path.parts[-3]})
        with urllib.request.urlopen(f"{place}/get-artifact?{query}") as answer:
            assert answer.read() == b"its own"


def test_the_front_page_leads_to_runs_after_the_switch_that_the_page_for_teams_names(page, address, root):
    assert "*Model training*" in (root / "docs" / "team.md").read_text()
    page.goto(address.partition("#")[0])
    page.get_by_role("button", name="Model training", exact=True).click()
    page.get_by_role("link", name="digits", exact=True).click()
    page.get_by_role("link", name=SECOND, exact=True).wait_for()


def test_it_ends_without_its_server(trained):
    with started(trained) as process:
        address = process.stdout.readline().split()[1]
        host, _, port = address.partition("//")[2].partition("/")[0].partition(":")
        socket.create_connection((host, int(port))).close()
        process.send_signal(2)  # Ctrl-C
        assert process.wait(60) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_a_server_is_only_asked(trained, tmp_path):
    server = Server(tmp_path)
    shutil.copy(trained / "mlflow.db", tmp_path)
    server.start()
    try:
        login = server.uri.replace("//", "//ann:secret@")
        with started(tmp_path, "--experiment", "digits", MLFLOW_TRACKING_URI=login) as process:
            out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        assert out.startswith(f"MLflow: {server.uri}/#/experiments/")
        named = error(tmp_path, "--experiment", "nothing", MLFLOW_TRACKING_URI=login)
        assert "no experiment nothing (it has: digits); `make repro`" in named
    finally:
        server.stop()


def test_mistakes_are_reported_in_one_line(trained, tmp_path):
    shutil.copy(trained / "params.yaml", tmp_path)
    assert "sqlite:///mlflow.db: there are no runs yet; `make repro` makes some" in error(tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
    line = error(tmp_path, MLFLOW_TRACKING_URI="http://ann:secret@127.0.0.1:9")
    assert "http://127.0.0.1:9 does not answer" in line
    assert "secret" not in line
    assert "--port: must be from 1 to 65535" in error(trained, "--port", "0")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is taken; choose another" in error(trained, "--port", str(port))
