"""A real browser without a window, for MLflow's pages."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

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
def opened(program: str, width: int = 1400, height: int = 1000, patience: float = 120.0) -> Iterator["Page"]:
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


def compare(page: "Page", *names: str) -> None:
    """Choose runs by their names on the page of an experiment, and have MLflow compare them."""
    for name in names:
        row = page.locator(".ag-row").filter(has=page.get_by_role("link", name=name, exact=True))
        row.locator(".ag-checkbox-input").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_text(f"Comparing {len(names)} Runs").wait_for()


def show_differences(page: "Page") -> None:
    """Have the page that compares runs leave out the parameters, metrics and tags that are the same."""
    for switch in page.get_by_role("switch").all():
        switch.click()


def follow(page: "Page", name: str) -> None:
    """Follow a link by the keyboard: a list that scrolls while the mouse is down takes no click."""
    page.get_by_role("link", name=name, exact=True).press("Enter")


def widths(images: "Locator", count: int) -> list[int]:
    """The widths, in pixels of their own, of so many pictures, once all have come; a broken one has 0."""
    images.nth(count - 1).wait_for()
    found = [image.element_handle() for image in images.all()]
    for image in found:
        image.owner_frame().wait_for_function("image => image.complete", arg=image)  # type: ignore[union-attr]
    return [int(image.evaluate("image => image.naturalWidth")) for image in found]


def draw(page: "Page", path: Path) -> None:
    """Write what the page shows as PNG, of few colours: such pages have no more."""
    image = Image.open(io.BytesIO(page.screenshot()))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.convert("RGB").quantize(200, dither=Image.Dither.NONE).save(path, optimize=True)
