"""Pictures of the service's pages in headless Chromium, as an operator sees them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ToolchainError

UPLOAD_MS = 120_000  # it is answered when the model has been compiled
_WIDTH, _HEIGHT = 1240, 800
OPTIONS = [  # of Chromium: nothing of its own on the network
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(slots=True)
class Window:
    """A page that somebody has signed in to; pictures go into ``folder``."""

    page: Any
    url: str
    folder: Path
    count: int = 0

    def sign_in(self, token: str) -> None:
        """As people do."""
        self.page.goto(f"{self.url}/sign-in")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Fleet").wait_for()

    def upload(self, model: Path, labels: str) -> None:
        """A model by the form of the first page."""
        self.page.goto(self.url + "/")
        form = self.page.locator("form.upload")
        form.locator("input[type=file]").set_input_files(model)
        form.get_by_text("Labels and note").click()
        form.get_by_label("Labels, one per line").fill(labels)
        form.get_by_role("button", name="Upload").click()
        self.page.wait_for_url("**/models/*", timeout=UPLOAD_MS)

    def shoot(self, path: str, name: str) -> str:
        """The name of a picture of a page."""
        self.count += 1
        file = f"{self.count:02}-{name}.png"
        self.page.goto(self.url + path)
        self.page.screenshot(path=self.folder / file, full_page=True)
        return file


@contextlib.contextmanager
def window(url: str, folder: Path) -> Iterator[Window]:
    """A browser with an empty profile. ToolchainError where there is none."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise ToolchainError("playwright is not installed; run: make deps") from error
    if chromium is None:
        raise ToolchainError("Chromium is not installed; run: make deps")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=OPTIONS) as browser,
    ):
        yield Window(browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT}), url, folder)
