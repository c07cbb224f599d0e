"""A real browser against the whole application; what the browser complains about fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cast import PASSWORD

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = 1280, 390


@dataclass
class Visitor:
    """One person's browser: signs in, goes to pages, and remembers every complaint of the console."""

    page: Any
    site: str
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, username: str) -> None:
        self.page.goto(f"{self.site}/sign-in/")
        self.page.get_by_label("User name").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.site}/")

    def go(self, path: str) -> Any:
        answer = self.page.goto(f"{self.site}{path}")
        self.page.wait_for_load_state("networkidle")
        return answer

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser, or a skip that says what is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the Python package playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium on the PATH; on Debian: apt-get install chromium")
    # Playwright keeps an event loop in this thread, which Django would otherwise refuse to query from.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()
    if before is None:
        os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)


@pytest.fixture
def visit(chromium: Any, served_site: str) -> Iterator[Any]:
    """`visit("author")` is a browser in which that person has signed in. Any complaint fails the test at its end."""
    contexts: list[Any] = []
    visitors: list[Visitor] = []

    def enter(username: str = "", *, width: int = WIDE, scheme: str = "light", scripts: bool = True) -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        visitor = Visitor(page=context.new_page(), site=served_site)
        visitors.append(visitor)
        visitor.page.set_default_timeout(15_000)
        visitor.page.on("console", lambda message: _note(visitor, message))
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(f"script: {error}"))
        if username:
            visitor.sign_in(username)
        return visitor

    yield enter
    for context in contexts:
        context.close()
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    assert complaints == []


def _note(visitor: Visitor, message: Any) -> None:
    # A refusal is an answer, not a fault of the page; and a search that a newer one overtakes is let go on purpose.
    expected = ("status of 4", "htmx:sendAbort", "htmx:afterRequest")
    if message.type in ("error", "warning") and not any(each in message.text for each in expected):
        visitor.complaints.append(f"{message.type}: {message.text}")
