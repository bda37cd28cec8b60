"""A real server over the small portal and a real browser. Skipped, plainly, where Chromium is missing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SLOW = 60_000
"""Milliseconds that anything may take on a machine that is busy with other tests."""
expect.set_options(timeout=SLOW)
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
QUICK = {"COUNTERSIGN_NO_NUMBA": "1"}
"""The small portal compares nothing by itself: compiling for it would cost as much as starting the server."""
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""Streamlit's page looks for its server below deep links too; these two answers of 404 are its way."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Serving(str):
    """The address of a server, and its process."""

    __slots__ = ("process",)

    def __new__(cls, address: str, process: subprocess.Popen[bytes]) -> Self:
        made = super().__new__(cls, address)
        made.process = process
        return made


@contextmanager
def serving(*options: str) -> Iterator[Serving]:
    """The server as a process of its own; gone afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "tests.fake_app", str(port), *options]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | QUICK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/readyz", process)
        yield Serving(address, process)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a server that was started here; one that does not go is killed, and that fails the test."""
    process.terminate()
    try:
        process.wait(SLOW / 1000)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(address, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    pytest.fail("The server did not start.")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Per module: while Playwright is open, its event loop counts as running in this thread, for other tests too."""
    if not CHROMIUM.exists():
        pytest.skip(f"Chromium is missing: {CHROMIUM}; set CHROMIUM to its path.")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture(scope="module")
def renewable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Path]]:
    told = tmp_path_factory.mktemp("renewable") / "anew"
    with serving(f"anew={told}") as address:
        yield address, told


@pytest.fixture
def server(renewable: tuple[Serving, Path]) -> str:
    """A fresh world for one test that changes it; the process stays."""
    address, told = renewable
    told.unlink(missing_ok=True)
    address.process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + 90
    while not told.exists():
        assert time.monotonic() < deadline, "The server did not begin anew."
        time.sleep(0.02)
    return address


@pytest.fixture(scope="module")
def reading() -> Iterator[str]:
    """One world for the tests that only read."""
    with serving() as address:
        yield address


@dataclass
class Tab:
    """A tab of somebody's browser, with everything that went wrong in it."""

    blank: Page
    address: str
    wrong: list[str] = field(default_factory=list)
    is_open: bool = False

    @property
    def page(self) -> Page:
        """What the tab shows: the start page, unless something was opened. A page costs seconds, so none is for nothing."""
        if not self.is_open:
            self.open("/")
        return self.blank

    def open(self, path: str) -> None:
        self.is_open = True
        self.blank.goto(self.address + path)
        self.settle()

    def settle(self) -> None:
        """Wait until the page is there and no run is going on. (No script that polls: the page's policy forbids eval.)"""
        self.page.locator("h1").first.wait_for(timeout=SLOW)
        self.page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=SLOW)

    def fits(self, path: str) -> None:
        """Holds that nothing scrolls sideways, once plots have taken up their room."""
        for _ in range(50):
            if self.sideways() <= 0:
                return
            self.page.wait_for_timeout(200)
        pytest.fail(f"{path} is {self.sideways()} px too wide")

    def sideways(self) -> int:
        """Pixels that the page is wider than the window."""
        script = (
            "Math.max(document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth)"
        )
        return int(self.page.evaluate(f"{script} - document.documentElement.clientWidth"))


Join = Callable[..., Tab]


@pytest.fixture
def join(browser: Browser) -> Iterator[Join]:
    """Somebody signs in through the picker, on some size and theme."""
    contexts: list[BrowserContext] = []

    def go(address: str, person: str = "", *, size: dict[str, int] = DESKTOP, dark: bool = False) -> Tab:
        context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")  # type: ignore[arg-type]
        contexts.append(context)
        tab = Tab(context.new_page(), address, is_open=not person)
        _listen(tab)
        if person:
            _choose(context, address, person)
        return tab

    yield go
    for context in contexts:
        context.close()


def _choose(context: BrowserContext, address: str, person: str) -> None:
    """Sign in without drawing a page: the picker itself has its own test."""
    form = context.request.get(f"{address}/sign-in").text()
    found = re.search(rf'value="([^"]+)">{re.escape(person)}', form)
    assert found, f"{person} is not in the picker"
    context.request.post(f"{address}/sign-in", form={"person": unescape(found[1])}, max_redirects=0)


def _listen(tab: Tab) -> None:
    tab.blank.on(
        "request", lambda r: None if r.url.startswith((tab.address, "data:", "blob:")) else tab.wrong.append(r.url)
    )
    tab.blank.on("pageerror", lambda error: tab.wrong.append(str(error)))
    tab.blank.on("dialog", lambda dialog: tab.wrong.append(f"script ran: {dialog.message}"))
    tab.blank.on(
        "response", lambda r: tab.wrong.append(r.url) if r.status >= 400 and not r.url.endswith(PROBES) else None
    )
    tab.blank.on("console", lambda m: tab.wrong.append(m.text) if "Content Security Policy" in m.text else None)
