"""A real Chromium on a real Voila; without it these tests skip with one line that says how to get it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OUTPUT = Path(__file__).resolve().parents[2] / "test-output" / "browser"
TOKEN = "test-token-0123456789abcdef"
PROGRAM = """
import sys
from workbench.server import serve_dashboards
serve_dashboards(sys.argv[1], port=0, token=sys.argv[2], on_ready=lambda url: print(url, flush=True))
"""


def pytest_collection_modifyitems(items):
    """Mark what needs a browser, and say once what to do where there is none."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium: apt-get install chromium"))


@dataclass
class Watched:
    """A page and what it did that it should not: requests elsewhere, failures, errors."""

    page: object
    home: str
    elsewhere: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.page.on("request", self._requested)
        self.page.on("requestfailed", self._gave_up)
        self.page.on("response", self._answered)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _requested(self, request):
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.netloc != self.home:
            self.elsewhere.append(request.url)

    def _gave_up(self, request):
        # A page that is left tells its kernel so and does not wait for the answer.
        if "/voila/api/shutdown/" not in request.url:
            self.failed.append(f"failed {request.url}")

    def _answered(self, response):
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def _said(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def must_be_clean(self):
        assert self.elsewhere == []
        assert self.failed == []
        assert self.errors == []

    def keep(self, name: str):
        OUTPUT.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)


@contextmanager
def serve_desk(home):
    """Serve the dashboards of the desk in a folder, in a process of their own; gives their address."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WORKBENCH_", "JUPYTER_"))}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), TOKEN],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )
    written: list[str] = []
    ready = threading.Event()

    def read():
        for line in process.stdout:
            written.append(line)
            if line.startswith("http"):
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    ready.wait(60)
    url = next((line.strip() for line in written if line.startswith("http")), None)
    try:
        assert url, "".join(written)
        yield url.split("?")[0]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def served(demo_home):
    """The address of the demo desk's dashboards."""
    with serve_desk(demo_home) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    """One browser for a file of tests: playwright keeps an event loop, which must not outlive them."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, request):
    """What opens an address of a server in a browser of its own: light or dark, wide or narrow."""
    contexts = []

    def opener(path, *, width=1440, height=900, scheme="light", wait_for=".tabulator-row", at=None):
        served = at or request.getfixturevalue("served")
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            device_scale_factor=1 if width > 640 else 2,
            has_touch=width <= 640,
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        watched = Watched(page, urlsplit(served).netloc)
        mark = "&" if "?" in path else "?"
        page.goto(f"{served}{path}{mark}token={TOKEN}", wait_until="load", timeout=60_000)
        if wait_for:
            page.wait_for_selector(wait_for, timeout=60_000)
        return watched

    yield opener
    for context in contexts:
        context.close()
