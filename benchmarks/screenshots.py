"""Take pictures of MLflow's pages for the docs, with the runs in the local store.

Starts the UI as `make ui` does, and takes pictures in the system's Chromium or Chrome: an experiment's
losses, pictures and scores, a run, and two runs compared. Writes docs/images/mlflow-*.png.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

_WIDTH = 1300


def draw(page: "Page", address: str, runs: list[str], folder: Path) -> None:
    """Draw all pages into a folder.

    Args:
        page: an empty one.
        address: of the experiment's page.
        runs: names of two runs of it.
        folder: where the pictures go.
    """

    def shot(name: str, height: int, *there: str) -> None:
        page.set_viewport_size({"width": _WIDTH, "height": height})
        for text in there:
            page.get_by_text(text).first.wait_for()
        page.mouse.move(0, 0)
        page.wait_for_timeout(3000)  # for what is drawn again in another size
        browser.draw(page, folder / f"mlflow-{name}.png")

    page.goto(address)
    page.get_by_text("Exit shared view").wait_for()
    page.get_by_label("Hide banner").click()
    page.locator(".js-plotly-plot path.js-line").nth(4 * len(runs) - 1).wait_for(state="attached")
    browser.widths(page.locator("img[src*='images%2Fpreview']"), len(runs))
    shot("charts", 2000, "Losses and mean D", "Pictures by epoch", "What differs")
    browser.follow(page, runs[0])
    page.get_by_text("Show more").click()
    browser.widths(page.locator("img[src*='evolution.gif']"), 1)
    shot("run", 900, "About this run")
    page.goto(address)
    browser.compare(page, *runs)
    browser.show_differences(page)
    page.get_by_text("evolution.png", exact=True).click()
    browser.widths(page.get_by_alt_text("evolution.png"), len(runs))
    page.get_by_text("Visualizations", exact=True).click()  # one axis each; it would fill the picture
    page.get_by_text("Run details", exact=True).hover()
    page.mouse.wheel(0, -5000)
    shot("compare", 1200, "Run details")
    browser.follow(page, "loss_g")
    page.locator(".js-plotly-plot path.js-line").nth(len(runs) - 1).wait_for(state="attached")
    shot("losses", 700, "Completed Runs")


@contextmanager
def served(experiment: str) -> Iterator[str]:
    """The address of an experiment's page, while the UI is served."""
    command = [sys.executable, "-m", "stages.tools.ui", "--experiment", experiment]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("MLflow: "):
                raise SystemExit(1)  # it has said why
            yield line.removeprefix("MLflow: ").strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", default="sine")
    parser.add_argument("--runs", nargs=2, default=["seed-1", "seed-2"])
    parser.add_argument("--folder", type=Path, default=Path("docs/images"))
    arguments = parser.parse_args()
    found = browser.find()
    if found is None:
        raise SystemExit("error: there is no Chromium or Chrome; install one")
    with served(arguments.experiment) as address, browser.opened(found, width=_WIDTH, height=1300) as page:
        draw(page, address, arguments.runs, arguments.folder)
