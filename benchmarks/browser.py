"""A real browser without a window, for MLflow's pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
_ARGUMENTS = (
    "--no-sandbox",  # as root, within a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# MLflow's assistant opens over a browser's first page.
_QUIET = """
localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');
localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');
"""


def find() -> str | None:
    """The system's Chromium or Chrome, or None."""
    found = (shutil.which(name) for name in _NAMES)
    places = (place for place in _PLACES if Path(place).exists())
    return next(filter(None, found), next(places, None))


@contextmanager
def opened(program: str, width: int = 1400, height: int = 1000, patience: float = 60.0) -> Iterator["Page"]:
    """An empty page of a browser that knows nothing from before, and asks only this machine.

    Args:
        program: the browser.
        width: of the page, in pixels.
        height: likewise.
        patience: seconds for whatever is waited for.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        try:
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
            context.route(lambda url: "//127.0.0.1" not in url, lambda route: route.abort())
            context.add_init_script(_QUIET)
            page = context.new_page()
            page.set_default_timeout(1000 * patience)
            yield page
        finally:
            browser.close()
