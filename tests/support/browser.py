"""Headless Chromium that looks at a running service, and keeps what its console and its policy complain about."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tinymlaas.demo_service.browser import OPTIONS
from tinymlaas.toolchain import paths

SHOTS = paths.build_dir() / "screenshots"
DESKTOP, PHONE = {"width": 1240, "height": 800}, {"width": 360, "height": 740}


def executable() -> str | None:
    """Debian's Chromium, or the one that CHROMIUM names."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; the test is skipped where there is none."""
    found = executable()
    if found is None:
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        yield browser
        browser.close()


@dataclass(slots=True)
class Tab:
    """A page of a service, signed in by ``sign_in``. ``heard``: errors of console and scripts, and what was blocked."""

    page: Page
    url: str
    heard: list[str] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        """All until now."""
        self.page.evaluate("1")  # what was said before comes before this answer
        return self.heard

    def go(self, path: str) -> Any:
        """Opens a path; the response."""
        return self.page.goto(self.url + path)

    def sign_in(self, token: str) -> None:
        """As people do."""
        self.go("/sign-in")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Fleet").wait_for()

    def shoot(self, name: str) -> None:
        """A screenshot of the whole page in build/screenshots/."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(
            path=SHOTS / f"{name}.png", full_page=True, caret="initial"
        )  # hiding it takes an inline style

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@contextlib.contextmanager
def tab(browser: Browser, url: str, size: dict[str, int] = DESKTOP, **options: Any) -> Iterator[Tab]:
    """A new, empty profile with one page."""
    context = browser.new_context(viewport=size, ignore_https_errors=True, **options)
    page = context.new_page()
    page.set_default_timeout(60_000)  # busy machines
    opened = Tab(page, url)
    page.on("console", lambda said: opened.heard.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: opened.heard.append(str(error)))
    yield opened
    context.close()
