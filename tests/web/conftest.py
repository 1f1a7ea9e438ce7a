"""The built page, a server for it and a browser; skipped with a reason where the machine lacks one of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, sync_playwright

from tests.web.fake_server import FakeServer, running

DIST = Path(__file__).parents[2] / "dashboard" / "web" / "dist"
CHROMIUM = Path(os.environ.get("GWANJE_CHROMIUM", "/usr/bin/chromium"))
QUIET_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DEADLINE_MS = 10_000


class Watched:
    """A page and what went wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.problems: list[str] = []
        self.outside: list[str] = []
        self._own = url.removeprefix("http://")
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._request)
        page.on("websocket", lambda socket: self._address(socket.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _request(self, request: Request) -> None:
        self._address(request.url)

    def _address(self, url: str) -> None:
        if not url.startswith((f"http://{self._own}/", f"ws://{self._own}/", "blob:", "data:")):
            self.outside.append(url)


def _missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="package")
def _server() -> Iterator[FakeServer]:
    if not (DIST / "index.html").is_file():
        _missing(f"the page is not built: no {DIST.name}/index.html in dashboard/web (pip install -e .)")
    with running(DIST) as server:
        yield server


@pytest.fixture(scope="package")
def _playwright() -> Iterator[Playwright]:
    if not CHROMIUM.is_file():
        _missing("no Chromium at GWANJE_CHROMIUM or /usr/bin/chromium")
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(_playwright: Playwright) -> Iterator[Browser]:
    with _playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(QUIET_FLAGS)) as browser:
        yield browser


@pytest.fixture(scope="package")
def flat_browser(_playwright: Playwright) -> Iterator[Browser]:
    """A browser without WebGL."""
    flags = [*QUIET_FLAGS, "--disable-3d-apis"]
    with _playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags) as browser:
        yield browser


@pytest.fixture
def server(_server: FakeServer) -> FakeServer:
    _server.reset()
    return _server


OpenPage = Callable[..., Watched]


@pytest.fixture
def open_page(server: FakeServer) -> Iterator[OpenPage]:
    """Open a page in a browser with a profile of its own."""
    contexts: list[BrowserContext] = []

    def opened(browser: Browser, path: str = "/", *, width: int = 1280, height: int = 720) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        contexts.append(context)
        context.set_default_timeout(DEADLINE_MS)
        watched = Watched(context.new_page(), server.url)
        watched.page.goto(server.url + path)
        return watched

    yield opened
    for context in contexts:
        context.close()
