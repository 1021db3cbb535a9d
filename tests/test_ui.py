"""MLflow's UI as people see it: in a real browser, of real trainings, by the real `python -m stages.ui`."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import browser as browsers
from tests import calls

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

PATIENCE = 60_000  # milliseconds: a browser that draws without a graphics card, on a machine with much to do
RATES = {1: 0.0005, 2: 0.002}  # learning rates of the two seeds


@pytest.fixture(scope="module")
def trained(finished, tmp_path_factory) -> Path:
    """A folder with two trainings of digits that differ by their seed and a parameter, in a store of its own."""
    folder = tmp_path_factory.mktemp("trained") / "copy"
    shutil.copytree(finished, folder)
    for seed, rate in RATES.items():
        calls.change(folder, digits__train__lr=rate, experiments=["digits"])
        for stage in calls.OF_A_RUN:
            arguments = ("--experiment", "digits", "--seed", str(seed))
            ended = calls.call(folder, stage, *arguments, tracked=stage != "sample")
            assert ended.code == 0, ended
    return folder


@contextmanager
def started(folder: Path, root: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen]:
    own = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.ui", *arguments],
        cwd=folder,
        env={**own, "PYTHONPATH": str(root), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def address(trained, root) -> Iterator[str]:
    """The address that `make ui` prints."""
    with browsers.free_port() as port, started(trained, root, "--port", str(port)) as process:
        line = process.stdout.readline()
        assert line.startswith(f"MLflow: http://127.0.0.1:{port}/#/experiments/"), process.communicate()
        yield line.removeprefix("MLflow: ").strip()


@pytest.fixture
def page(tmp_path) -> Iterator["sync_api.Page"]:
    found = browsers.find()
    if found is None:
        pytest.skip("no Chromium or Chrome is installed")
    with browsers.opened(found) as page:
        page.set_default_timeout(PATIENCE)
        yield page
